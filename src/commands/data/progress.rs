//! A bar on a terminal while a long task runs; nothing in a pipe.

use std::io::IsTerminal as _;
use std::time::Duration;

use data::Meter;
use indicatif::{ProgressBar, ProgressStyle};

/// How often the bar moves.
const EVERY: Duration = Duration::from_millis(100);

/// A bar that follows a meter until it is dropped.
pub struct Watch {
    stop: std::sync::mpsc::Sender<()>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Watch {
    /// Begins to follow; `unit` is `bytes` or a word.
    pub fn start(meter: &Meter, unit: &'static str, is_silent: bool) -> Self {
        let (stop, stopped) = std::sync::mpsc::channel();
        if is_silent || !std::io::stderr().is_terminal() {
            return Self { stop, thread: None };
        }
        let meter = meter.clone();
        let thread = std::thread::spawn(move || {
            let bar = ProgressBar::new(0).with_style(style(unit));
            while stopped
                .recv_timeout(EVERY)
                .is_err_and(|error| error == std::sync::mpsc::RecvTimeoutError::Timeout)
            {
                bar.set_length(meter.total());
                bar.set_position(meter.done());
            }
            bar.finish_and_clear();
        });
        Self { stop, thread: Some(thread) }
    }
}

fn style(unit: &str) -> ProgressStyle {
    let template = match unit {
        "bytes" => "{bar:40} {bytes}/{total_bytes}  {bytes_per_sec}  {eta}".to_owned(),
        unit => format!("{{bar:40}} {{human_pos}}/{{human_len}} {unit}  {{per_sec}}  {{eta}}"),
    };
    let style = ProgressStyle::with_template(&template);
    style.expect("the templates are constants").progress_chars("█▉▊▋▌▍▎▏ ")
}

impl Drop for Watch {
    fn drop(&mut self) {
        // A thread that has ended by itself needs no word.
        let _ = self.stop.send(());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

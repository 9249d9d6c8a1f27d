//! Keys of a demonstration on a terminal.

use std::io::IsTerminal as _;
use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, poll, read};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use tokio::sync::mpsc;

/// What a key asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Key {
    /// Stop the market's clock, or let it go on.
    Pause,
    /// Twice as fast.
    Faster,
    /// Half as fast.
    Slower,
    /// Make a strategy panic.
    Panic,
    /// Cut the market data connection.
    Drop,
    /// Stop now.
    Quit,
}

/// What the keys are, for the person.
pub const HELP: &str =
    "p pause   + faster   - slower   x panic a strategy   d drop the websocket   q quit";

/// Reads keys until it is dropped, if a person is there.
pub struct Keyboard {
    keys: mpsc::Receiver<Key>,
    is_raw: bool,
}

impl Keyboard {
    /// Listens if standard input and error are a terminal.
    #[must_use]
    pub fn listen() -> Self {
        let (tell, keys) = mpsc::channel(16);
        let person = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        let is_raw = person && enable_raw_mode().is_ok();
        if is_raw {
            std::thread::spawn(move || listen(&tell));
        }
        Self { keys, is_raw }
    }

    /// Whether somebody can press keys.
    #[must_use]
    pub const fn is_there(&self) -> bool {
        self.is_raw
    }

    /// The next key; never, without a person.
    pub async fn next(&mut self) -> Key {
        match self.keys.recv().await {
            Some(key) => key,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        if self.is_raw {
            // Nothing to be done if the terminal is gone.
            let _ = disable_raw_mode();
        }
    }
}

fn listen(tell: &mpsc::Sender<Key>) {
    while !tell.is_closed() {
        if !poll(Duration::from_millis(100)).unwrap_or(false) {
            continue;
        }
        let Ok(Event::Key(event)) = read() else { continue };
        if event.kind != KeyEventKind::Press {
            continue;
        }
        let interrupt = event.modifiers.contains(KeyModifiers::CONTROL);
        if let Some(key) = meaning(event.code, interrupt)
            && tell.blocking_send(key).is_err()
        {
            return;
        }
    }
}

fn meaning(code: KeyCode, control: bool) -> Option<Key> {
    let KeyCode::Char(letter) = code else { return None };
    match (letter, control) {
        ('c', true) | ('q', false) => Some(Key::Quit),
        ('p' | ' ', false) => Some(Key::Pause),
        ('+' | '=', false) => Some(Key::Faster),
        ('-', false) => Some(Key::Slower),
        ('x', false) => Some(Key::Panic),
        ('d', false) => Some(Key::Drop),
        (_, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_the_help_says() {
        #[track_caller]
        fn check(letter: char, control: bool, expected: Option<Key>) {
            assert_eq!(meaning(KeyCode::Char(letter), control), expected);
        }
        check('p', false, Some(Key::Pause));
        check('+', false, Some(Key::Faster));
        check('-', false, Some(Key::Slower));
        check('x', false, Some(Key::Panic));
        check('d', false, Some(Key::Drop));
        check('q', false, Some(Key::Quit));
        check('c', true, Some(Key::Quit));
        check('c', false, None);
        assert_eq!(meaning(KeyCode::Enter, false), None);
    }
}

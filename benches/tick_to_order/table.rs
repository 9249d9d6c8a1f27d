//! The tables on the terminal.

use actors::latency::Histogram;

use super::engine::{Level, Run};

const HEAD: [&str; 5] = ["orders", "p50 µs", "p90 µs", "p99 µs", "max µs"];

fn print_head(title: &str) {
    let [count, p50, p90, p99, max] = HEAD;
    println!("\n{title:<44} {count:>7} {p50:>9} {p90:>9} {p99:>9} {max:>9}");
}

fn print_line(name: &str, histogram: &Histogram) {
    let shown = histogram.quantiles();
    println!(
        "{name:<44} {:>7} {:>9.1} {:>9.1} {:>9.1} {:>9.1}",
        shown.count, shown.p50_us, shown.p90_us, shown.p99_us, shown.max_us
    );
}

/// The hops of one run, in order, and what its threads did.
pub fn print_run(level: Level, run: &Run) {
    let times = &run.times;
    print_head(&format!("journal at `{}`", level.name()));
    print_line("decide: frame read → strategy decided", &times.decide);
    print_line("approve: → risk gate approved", &times.approve);
    print_line("intend: → in the journal's queue", &times.intend);
    print_line("persist: → told that it is durable", &times.persist);
    print_line("send: → bytes with the system", &times.send);
    print_line("tick to order", &times.tick_to_order);
    let secs = run.took.as_secs_f64();
    println!("{} frames in {secs:.1} s; threads of the engine:", run.events);
    for (name, times) in run.threads.iter().filter(|(_, times)| times.turns > 0) {
        let (ran, waited) = (times.ran.as_millis(), times.waited.as_millis());
        println!(
            "  {name:<16} ran {ran:>6} ms, waited for a core {waited:>6} ms, {} turns",
            times.turns
        );
    }
}

/// The machine itself.
pub fn print_baselines(baselines: &[(&'static str, Histogram)]) {
    print_head("the machine alone");
    for (name, histogram) in baselines {
        print_line(name, histogram);
    }
}

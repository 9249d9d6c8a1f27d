//! A reader that is slower than its writers: `cargo run --example bounded_queue`.
//!
//! Quotes and orders go to the same actor over edges with bounds of their own. What is latest
//! wins among quotes; an order is never dropped in silence, its sender is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::{Actor, Context, Handler, Message, MessageResponse, System};
use actors::outbox::{ConflatingOutbox, Gauge, Outbox, Refused};

/// Most quotes that may wait. From half of it on the latest of each symbol wins.
const QUOTES: usize = 8;
/// Most orders that may wait.
const ORDERS: usize = 4;

#[derive(Message)]
#[rtype(result = "()")]
struct NewQuote {
    symbol: &'static str,
    number: u32,
}

#[derive(Message)]
#[rtype(result = "()")]
struct NewOrder;

#[derive(Message)]
#[rtype(result = "Seen")]
struct TellSeen;

/// What the reader got.
#[derive(Clone, Default, MessageResponse)]
pub struct Seen {
    /// How many quotes.
    pub quotes: u32,
    /// The last number of each symbol.
    pub latest: BTreeMap<&'static str, u32>,
    /// How many orders.
    pub orders: u32,
}

struct Reader {
    seen: Seen,
    quotes: Arc<Gauge>,
    orders: Arc<Gauge>,
}

impl Actor for Reader {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.set_mailbox_capacity(QUOTES + ORDERS + 1);
    }
}

impl Handler<NewQuote> for Reader {
    type Result = ();
    fn handle(&mut self, quote: NewQuote, _: &mut Context<Self>) {
        self.quotes.count_handled();
        self.seen.quotes += 1;
        self.seen.latest.insert(quote.symbol, quote.number);
    }
}

impl Handler<NewOrder> for Reader {
    type Result = ();
    fn handle(&mut self, _: NewOrder, _: &mut Context<Self>) {
        self.orders.count_handled();
        self.seen.orders += 1;
    }
}

impl Handler<TellSeen> for Reader {
    type Result = Seen;
    fn handle(&mut self, _: TellSeen, _: &mut Context<Self>) -> Seen {
        self.seen.clone()
    }
}

/// Sends far more than fits before the reader gets its turn. Returns what arrived, how many
/// quotes were replaced by newer ones, and how many orders were refused.
pub async fn overload() -> (Seen, u64, u32) {
    let (quotes, orders) = (Gauge::new("quotes", QUOTES), Gauge::new("orders", ORDERS));
    let reader =
        Reader { seen: Seen::default(), quotes: Arc::clone(&quotes), orders: Arc::clone(&orders) }
            .start();
    let told = reader.send(TellSeen).await.expect("the reader lives");
    assert_eq!(told.quotes, 0);

    let mut to_reader = ConflatingOutbox::new(Outbox::new(reader.clone().recipient(), quotes));
    for number in 1..=1_000 {
        for symbol in ["BTCUSDT", "ETHUSDT"] {
            to_reader.send(symbol, NewQuote { symbol, number }).expect("the reader lives");
        }
    }
    let to_reader_for_good = Outbox::new(reader.clone().recipient(), orders);
    let mut refused = 0;
    for _ in 0..10 {
        match to_reader_for_good.send(NewOrder) {
            Ok(()) => {}
            // The engine halts trading here: an order that is lost is worse than none.
            Err(Refused::Full | Refused::Closed) => refused += 1,
        }
    }
    // The reader catches up, and gets the latest of what was kept back.
    while to_reader.has_pending() {
        reader.send(TellSeen).await.expect("the reader lives");
        to_reader.flush().expect("the reader lives");
    }
    let conflated = to_reader.gauge().read().conflated;
    (reader.send(TellSeen).await.expect("the reader lives"), conflated, refused)
}

/// Shows it.
pub fn main() {
    let (seen, conflated, refused) = System::new().block_on(overload());
    println!("2000 quotes: {} arrived, {conflated} were replaced by newer ones", seen.quotes);
    println!("the latest of each symbol arrived: {:?}", seen.latest);
    println!("10 orders: {} arrived, {refused} were refused and their sender told", seen.orders);
}

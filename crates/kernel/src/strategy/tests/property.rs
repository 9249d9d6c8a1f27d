//! Random lives of orders, against a bookkeeper too simple to be wrong.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::*;

/// An order as the naive twin sees it.
struct Life {
    number: u32,
    side: Side,
    left: i64,
    filled: i64,
    is_final: bool,
    was_absent: bool,
}

const CENT: i64 = 1_000_000;

/// One more event in the life of an order, valid at the venue.
fn next_kind(life: &mut Life, random: &mut Pcg64, held: &mut Decimal) -> Option<OrderEventKind> {
    let choice = random.random_range(0..10);
    if life.is_final {
        // An order that never arrived may prove otherwise, once.
        let comes_back = std::mem::take(&mut life.was_absent) && choice < 5;
        life.is_final = !comes_back;
        let venue_order = VenueOrderId(i64::from(life.number));
        return comes_back.then_some(OrderEventKind::Accepted { venue_order });
    }
    Some(match choice {
        0 => OrderEventKind::Submitted { quantity: None, price: None },
        1 => OrderEventKind::Accepted { venue_order: VenueOrderId(i64::from(life.number)) },
        2 => OrderEventKind::OutcomeUnknown { reason: String::new() },
        3 if life.filled == 0 => {
            (life.is_final, life.was_absent) = (true, true);
            OrderEventKind::Absent { reason: String::new() }
        }
        4 => {
            life.is_final = true;
            OrderEventKind::Canceled { reason: CancelReason::Venue }
        }
        _ => {
            let quantity = random.random_range(1..=life.left);
            life.left -= quantity;
            life.filled += quantity;
            life.is_final = life.left == 0;
            let quantity = Quantity::from_units(quantity * CENT);
            let (asset, is_base) =
                [("BTC", true), ("USDT", false), ("BNB", false)][random.random_range(0..3_usize)];
            let fee = quantity.to_decimal() / Decimal::ONE_THOUSAND;
            *held += Decimal::from(life.side.sign()) * quantity.to_decimal();
            *held -= if is_base { fee } else { Decimal::ZERO };
            OrderEventKind::Filled {
                fill: fill(life.side, quantity, fee, asset),
                cumulative_quantity: Quantity::from_units(life.filled * CENT),
                complete: life.is_final,
            }
        }
    })
}

fn place(stage: &mut Stage, lives: &mut Vec<Life>, random: &mut Pcg64) {
    let side = if random.random_bool(0.5) { Side::Buy } else { Side::Sell };
    let action = match side {
        Side::Buy => Do::Buy("0.5", "100"),
        Side::Sell => Do::Sell("0.5", "100"),
    };
    let number = lives.len() as u32 + 1;
    stage.step(0, live(0, quote(0)), &[action]);
    lives.push(Life { number, side, left: 50, filled: 0, is_final: false, was_absent: false });
}

#[test]
fn positions_and_open_orders_equal_those_of_a_naive_twin() {
    for seed in 0..200 {
        let mut random = Pcg64::seed_from_u64(seed);
        let mut stage = Stage::new(WarmUp::None);
        stage.step(0, HostInput::Start, &[]);
        let mut lives: Vec<Life> = Vec::new();
        let mut held = Decimal::ZERO;
        for _ in 0..300 {
            if lives.is_empty() || random.random_bool(0.1) {
                place(&mut stage, &mut lives, &mut random);
            }
            let index = random.random_range(0..lives.len());
            let life = &mut lives[index];
            if let Some(kind) = next_kind(life, &mut random, &mut held) {
                let event = order_event(life.number, kind);
                stage.step(0, HostInput::Order { event, fee_in_quote: Amount::ONE }, &[]);
            }
            let open: Vec<u32> = stage.host.open_orders().map(|open| open.order.number).collect();
            let expected: Vec<u32> =
                lives.iter().filter(|life| !life.is_final).map(|life| life.number).collect();
            assert_eq!(open, expected, "seed {seed}");
            assert_eq!(stage.host.position(ID).quantity().to_decimal(), held, "seed {seed}");
        }
        for life in lives.iter_mut().filter(|life| !life.is_final) {
            stage.step(0, order(life.number, Was::Canceled), &[]);
        }
        assert_eq!(stage.open(), "", "seed {seed}");
    }
}

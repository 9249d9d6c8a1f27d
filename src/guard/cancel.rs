//! Taking entries back, by their names alone.

use binance::decode::{OrderReply, parse};
use binance::encode::{Call, OrderName};
use events::log_event;
use model::{ClientOrderId, InstanceId, OrderId, Role};

use crate::cli::Failure;
use crate::wiring::Site;

/// What a round came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sweep {
    /// Entries of the instance that were open.
    pub found: usize,
    /// Of those, cancelled.
    pub canceled: usize,
    /// Other open orders of the account: left alone.
    pub left_alone: usize,
}

/// Whether an order is an entry of the installation.
fn is_entry_of(instance: InstanceId, name: &str) -> bool {
    let id = ClientOrderId::new(name).ok();
    let read = id.and_then(|id| OrderId::from_client_order_id(&id).ok());
    read.is_some_and(|(owner, _, role)| owner == instance && role == Role::Entry)
}

/// Cancels every open entry of an installation. What could not be cancelled, because it was
/// filled or cancelled meanwhile or because the venue failed, is logged; the next round sees.
///
/// # Errors
/// When the venue does not tell which orders are open.
pub async fn sweep(site: &Site, instance: InstanceId) -> Result<Sweep, Failure> {
    let now = site.server_time().await?;
    let body = site.rest().ask(&Call::open_orders(None), now).await?;
    let open: Vec<OrderReply<'_>> = parse("openOrders", &body)
        .map_err(|error| Failure::new(crate::cli::Exit::VenueUnreachable, error))?;
    let mut sweep = Sweep::default();
    for order in &open {
        let name = order.own_client_order_id();
        if !is_entry_of(instance, name) {
            sweep.left_alone += 1;
            continue;
        }
        sweep.found += 1;
        let call = Call::cancel(&order.symbol, OrderName::Venue(order.order_id));
        let now = site.server_time().await?;
        match site.rest().ask(&call, now).await {
            Ok(_) => {
                sweep.canceled += 1;
                log_event!(GUARD_CANCELED, symbol = %order.symbol, order_id = %name);
            }
            Err(error) => {
                let reason = format!("{} {name}: {error}", order.symbol);
                log_event!(GUARD_FAILED, reason = %reason);
            }
        }
    }
    Ok(sweep)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_entries_of_the_installation_are_meant() {
        #[track_caller]
        fn check(name: &str, expected: bool) {
            assert_eq!(is_entry_of("4f9k2a".parse().unwrap(), name), expected, "{name}");
        }
        check("tw4f9k2a-towzra-0-1e", true);
        check("tw4f9k2a-towzra-0-1x", false);
        check("tw4f9k2a-towzra-0-zik0zkp", false);
        check("tw9zzzzz-towzra-0-1e", false);
        check("web_1e", false);
        check("tw4f9k2a-towzra-0-1", false);
        check("", false);
    }
}

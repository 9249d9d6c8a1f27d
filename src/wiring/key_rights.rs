//! What the key of a live run may do: it should be able to trade and nothing else.

use binance::decode::{AccountRestrictions, parse};
use binance::encode::Call;
use events::log_event;

use super::rest::RestError;
use super::site::Site;
use crate::cli::{Exit, Failure};
use crate::config::{Config, Endpoint, Mode};

/// Asks for the rights of the key and refuses one that could lose more than trading can.
///
/// # Errors
/// [`Exit::Usage`] for a key that may take money out, unless the configuration accepts it, and
/// for one that may not trade; what [`RestError`] becomes when the venue does not tell.
pub async fn check_key_rights(config: &Config, site: &Site) -> Result<(), Failure> {
    if config.engine.mode != Mode::Live || !tells_rights(config.engine.venue.endpoint) {
        return Ok(());
    }
    let body = match site.rest().ask(&Call::key_restrictions(), site.server_time().await?).await {
        Ok(body) => body,
        // A server of one's own need not have what is outside of `/api`.
        Err(RestError::NotFound { .. }) if config.engine.venue.endpoint == Endpoint::Custom => {
            log_event!(ACCOUNT_KEY_UNSAFE, reason = "the venue does not tell what the key may do");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let rights: AccountRestrictions = parse("apiRestrictions", &body)
        .map_err(|error| Failure::new(Exit::VenueUnreachable, error))?;
    judge(&rights, config.engine.venue.accept_key_that_withdraws)
}

/// The test network and demo mode have no `/sapi`.
const fn tells_rights(endpoint: Endpoint) -> bool {
    match endpoint {
        Endpoint::BinanceLive | Endpoint::Custom => true,
        Endpoint::Sim | Endpoint::BinanceTestnet | Endpoint::BinanceDemo => false,
    }
}

fn judge(rights: &AccountRestrictions, is_accepted: bool) -> Result<(), Failure> {
    let moves_money = rights.can_move_money();
    log_event!(
        ACCOUNT_KEY_CHECKED,
        may_trade = rights.enable_spot_and_margin_trading,
        moves_money,
        ip_restricted = rights.ip_restrict
    );
    if !rights.enable_spot_and_margin_trading {
        let message = "the key may not trade: give it the right to trade on spot, at the venue";
        return Err(Failure::new(Exit::Usage, message));
    }
    if moves_money && !is_accepted {
        let message = "the key may withdraw or transfer, which no trading engine needs: take that \
                       right from it at the venue, or make another key \
                       (venue.accept_key_that_withdraws = true trades with it all the same)";
        return Err(Failure::new(Exit::Usage, message));
    }
    if moves_money {
        log_event!(ACCOUNT_KEY_UNSAFE, reason = "the key may withdraw or transfer");
    }
    if !rights.ip_restrict {
        log_event!(ACCOUNT_KEY_UNSAFE, reason = "the key works from any address");
    }
    Ok(())
}

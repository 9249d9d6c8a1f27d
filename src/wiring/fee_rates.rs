//! What the account pays for a fill, by symbol.

use std::collections::BTreeMap;

use binance::decode::{Commissions, parse};
use binance::encode::Call;
use events::log_event;
use futures_util::future::try_join_all;
use matching::{FeePolicy, Fees};
use model::{Liquidity, Side, Symbol};
use rust_decimal::Decimal;

use super::rest::SignedRest;
use super::site::{Site, configured_credentials};
use crate::cli::{Exit, Failure};
use crate::config::{Config, Endpoint, Mode};

/// A buy reserves at least so much on top of its price.
const LEAST_RESERVED: Decimal = Decimal::from_parts(1, 0, 0, false, 3);

/// The account's fees.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FeeRates {
    /// As configured: for symbols that the venue was not asked about.
    usual: Fees,
    by_symbol: BTreeMap<Symbol, Fees>,
}

impl FeeRates {
    /// Asks the venue, if there is a key to ask with; else they are as configured.
    ///
    /// # Errors
    /// When the venue does not answer.
    pub async fn read(config: &Config, site: &Site, symbols: &[&str]) -> Result<Self, Failure> {
        let usual = configured(config);
        let own = match (&site.credentials, config.engine.mode) {
            (None, Mode::Paper) => configured_credentials(&config.engine.venue)?,
            (None, Mode::Sim | Mode::Live) | (Some(_), _) => None,
        };
        let credentials = match config.engine.venue.endpoint {
            // Its fees are what the configuration says they are.
            Endpoint::Sim => None,
            Endpoint::BinanceLive
            | Endpoint::BinanceTestnet
            | Endpoint::BinanceDemo
            | Endpoint::Custom => site.credentials.as_ref().or(own.as_ref()),
        };
        let mut by_symbol = BTreeMap::new();
        if credentials.is_some() {
            let rest = SignedRest { credentials, ..site.rest() };
            let now = site.server_time().await?;
            let ask = async |symbol: &str| -> Result<(Symbol, Fees), Failure> {
                let body = rest.ask(&Call::commission(symbol), now).await?;
                let unreadable =
                    |error: &dyn std::fmt::Display| Failure::new(Exit::VenueUnreachable, error);
                let told: Commissions<'_> =
                    parse("commission", &body).map_err(|error| unreadable(&error))?;
                let name = Symbol::new(&told.symbol).map_err(|error| unreadable(&error))?;
                Ok((name, dearest_sides(&told)))
            };
            by_symbol.extend(try_join_all(symbols.iter().map(|symbol| ask(symbol))).await?);
        }
        let rates = Self { usual, by_symbol };
        log_event!(
            ACCOUNT_FEES_READ,
            asked = rates.by_symbol.len(),
            dearest = %rates.dearest().normalize()
        );
        Ok(rates)
    }

    /// The fees of a symbol.
    #[must_use]
    pub fn of(&self, symbol: &str) -> Fees {
        let told = self.by_symbol.iter().find(|(name, _)| name.as_str() == symbol);
        told.map_or(self.usual, |(_, fees)| *fees)
    }

    /// The dearest rate of all, which buys reserve on top of their price.
    #[must_use]
    pub fn dearest(&self) -> Decimal {
        let usual = self.by_symbol.is_empty().then_some(&self.usual);
        let rates = self.by_symbol.values().chain(usual).map(|fees| fees.maker.max(fees.taker));
        rates.max().unwrap_or_default().max(LEAST_RESERVED)
    }
}

fn configured(config: &Config) -> Fees {
    let (sim, paper) = (&config.engine.sim, &config.engine.paper);
    let (maker, taker) = match config.engine.mode {
        Mode::Paper => (paper.maker_fee, paper.taker_fee),
        Mode::Sim | Mode::Live => (sim.maker_fee, sim.taker_fee),
    };
    Fees { maker, taker, policy: FeePolicy::ReceivedAsset }
}

/// Buying and selling may differ: the dearer one counts. Discounts are not counted on.
fn dearest_sides(told: &Commissions<'_>) -> Fees {
    let of = |liquidity| told.rate(Side::Buy, liquidity).max(told.rate(Side::Sell, liquidity));
    Fees {
        maker: of(Liquidity::Maker),
        taker: of(Liquidity::Taker),
        policy: FeePolicy::ReceivedAsset,
    }
}

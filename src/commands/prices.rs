//! `tickwright prices`.

use std::io::{self, Write as _};
use std::time::Duration;

use binance::encode::SYMBOLS_PER_REQUEST;
use exchange::{ExchangeConfig, ExchangeHandle, MarketConfig, SymbolConfig, SyntheticConfig};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;
use transport::{Dialer, Tls, TlsOptions};

use crate::cli::prices::PricesArgs;
use crate::cli::{EndpointArg, Exit, Failure};
use crate::prices::{Answers, PriceClient, Question};

/// How much market the simulated exchange has behind it before it is asked.
const SIMULATED_HISTORY: Duration = Duration::from_secs(60);

/// Asks for prices, once or until interrupted.
///
/// # Errors
/// When nothing could be asked at all. What single symbols failed with is output, and an exit code.
pub fn execute(arguments: &PricesArgs) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Internal, error))?;
    runtime.block_on(run(arguments))
}

async fn run(arguments: &PricesArgs) -> Result<Exit, Failure> {
    // Held to the end: dropping it stops the exchange.
    let (rest_url, _simulated) = venue(arguments).await?;
    let question = Question {
        rest_url,
        symbols: arguments.symbols.clone(),
        per_request: arguments.batch.map_or(1, usize::from),
        concurrency: usize::from(arguments.concurrency),
        timeout: arguments.timeout,
        total_timeout: arguments.total_timeout,
    };
    let asker = Asker { dialer: dialer(&question.rest_url)?, arguments, question };
    let done = match arguments.every {
        Some(every) => asker.repeat(every).await,
        None => asker.once().await,
    };
    match done {
        Ok(exit) => Ok(exit),
        // Whoever read the output has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Ok),
        Err(error) => Err(Failure::new(Exit::Storage, format!("can't write the output: {error}"))),
    }
}

/// The REST base to ask, and the exchange behind it where it is ours.
async fn venue(arguments: &PricesArgs) -> Result<(String, Option<ExchangeHandle>), Failure> {
    let endpoint = match &arguments.endpoint {
        EndpointArg::Url(url) => return Ok((url.clone(), None)),
        EndpointArg::Named(endpoint) => endpoint,
    };
    if let Some(urls) = endpoint.urls() {
        return Ok((urls.rest, None));
    }
    let symbols =
        arguments.symbols.iter().filter_map(|symbol| SymbolConfig::known(symbol.as_str()));
    let mut market = SyntheticConfig { history: SIMULATED_HISTORY, ..SyntheticConfig::default() };
    for symbol in symbols {
        if market.symbols.iter().all(|present| present.symbol != symbol.symbol) {
            market.symbols.push(symbol);
        }
    }
    let config =
        ExchangeConfig { market: MarketConfig::Synthetic(market), ..ExchangeConfig::default() };
    let handle = exchange::bind(config, ([127, 0, 0, 1], 0).into()).await.map_err(|error| {
        Failure::new(Exit::Internal, format!("the simulated exchange did not start: {error}"))
    })?;
    Ok((handle.rest_url(), Some(handle)))
}

fn dialer(rest_url: &str) -> Result<Dialer, Failure> {
    if !rest_url.starts_with("https://") {
        return Ok(Dialer::tcp(None));
    }
    let tls = Tls::load(&TlsOptions::default())
        .map_err(|error| Failure::new(Exit::VenueUnreachable, error))?;
    Ok(Dialer::tcp(Some(tls)))
}

/// Asks and tells.
struct Asker<'a> {
    dialer: Dialer,
    arguments: &'a PricesArgs,
    question: Question,
}

impl Asker<'_> {
    async fn once(&self) -> io::Result<Exit> {
        let answers = self.round(&self.client(), &self.question).await;
        // Whoever is asked to stay away is not asked twice more.
        let compares = self.arguments.compare && !answers.is_limited();
        let others = if compares { self.ask_otherwise().await } else { None };
        self.tell(&answers, others.as_ref())?;
        Ok(exit(&answers))
    }

    /// Asks the same in the other ways, each with a client of its own: none inherits another's
    /// connections. Nothing once the venue wants rest: it is not asked again, and what was not
    /// answered compares with nothing.
    async fn ask_otherwise(&self) -> Option<Others> {
        let ask = async |concurrency: usize, per_request: usize| {
            let client = PriceClient::new(self.dialer.clone(), concurrency);
            let question = Question { concurrency, per_request, ..self.question.clone() };
            self.round(&client, &question).await
        };
        let per_request = if self.arguments.batch.is_some() { 1 } else { SYMBOLS_PER_REQUEST };
        let limited =
            || eprintln!("not compared: the venue says that there were too many requests");
        let sequential = ask(1, 1).await;
        if sequential.is_limited() {
            limited();
            return None;
        }
        let at_once = ask(self.question.concurrency, per_request).await;
        if at_once.is_limited() {
            limited();
            return None;
        }
        Some(Others { sequential, at_once })
    }

    /// Asks every so often until interrupted; the exit code is that of the last whole round.
    async fn repeat(&self, every: Duration) -> io::Result<Exit> {
        let client = self.client();
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = Exit::Ok;
        let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
        loop {
            let round = async {
                ticks.tick().await;
                self.round(&client, &self.question).await
            };
            let answers = tokio::select! {
                biased;
                _ = &mut interrupted => return Ok(last),
                answers = round => answers,
            };
            self.tell(&answers, None)?;
            last = exit(&answers);
            if let Some(wait) = answers.retry_after() {
                ticks.reset_after(wait.max(every));
            }
        }
    }

    fn client(&self) -> PriceClient {
        PriceClient::new(self.dialer.clone(), self.question.concurrency)
    }

    async fn round(&self, client: &PriceClient, question: &Question) -> Answers {
        let bar = progress(question);
        let inc = |count| bar.inc(u64::try_from(count).unwrap_or(u64::MAX));
        let answers = client.ask(question, inc).await;
        bar.finish_and_clear();
        answers
    }

    fn tell(&self, answers: &Answers, others: Option<&Others>) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.arguments.json {
            writeln!(out, "{}", self.to_json(answers, others))?;
            return out.flush();
        }
        let width = answers.prices.iter().map(|(symbol, _)| symbol.as_str().len()).max();
        let width = width.unwrap_or_default();
        for (symbol, price) in &answers.prices {
            match price {
                Ok(price) => writeln!(out, "{symbol:width$}  {price}")?,
                Err(error) => eprintln!("{symbol}: {}: {error}", error.name()),
            }
        }
        let (found, asked) = (answers.found(), answers.prices.len());
        let (took, at_once) = (millis(answers.took), self.question.concurrency);
        eprintln!(
            "{found} of {asked} prices in {took:.1} ms, {at_once} at a time, {}",
            cost(answers)
        );
        if let Some(others) = others {
            let Ways { parallel, sequential, batched } = self.ways(answers, others);
            let (together, apart) = (millis(parallel.took), millis(sequential.took));
            writeln!(
                out,
                "{at_once} at a time {together:.1} ms, one after another {apart:.1} ms: ratio {:.2}",
                ratio(parallel, sequential)
            )?;
            writeln!(
                out,
                "in lists {:.1} ms: ratio {:.2}; {} instead of {}",
                millis(batched.took),
                ratio(batched, sequential),
                cost(batched),
                cost(sequential)
            )?;
        }
        out.flush()
    }

    fn ways<'b>(&self, answers: &'b Answers, others: &'b Others) -> Ways<'b> {
        let Others { sequential, at_once } = others;
        let (parallel, batched) =
            if self.arguments.batch.is_some() { (at_once, answers) } else { (answers, at_once) };
        Ways { parallel, sequential, batched }
    }

    fn to_json(&self, answers: &Answers, others: Option<&Others>) -> Value {
        let mut prices = Vec::new();
        let mut errors = Vec::new();
        for (symbol, price) in &answers.prices {
            match price {
                Ok(price) => prices.push(json!({"symbol": symbol, "price": price})),
                Err(error) => errors.push(json!({
                    "symbol": symbol, "error": error.name(), "message": error.to_string(),
                })),
            }
        }
        let mut object = json!({
            "endpoint": self.question.rest_url,
            "concurrency": self.question.concurrency,
            "prices": prices,
            "errors": errors,
            "elapsed_ms": rounded(millis(answers.took)),
            "requests": answers.requests,
            "weight": answers.weight,
        });
        if let Some(others) = others {
            let Ways { parallel, sequential, batched } = self.ways(answers, others);
            object["compare"] = json!({
                "parallel_ms": rounded(millis(parallel.took)),
                "sequential_ms": rounded(millis(sequential.took)),
                "ratio": rounded(ratio(parallel, sequential)),
                "weight": sequential.weight,
                "batched": {
                    "ms": rounded(millis(batched.took)),
                    "ratio": rounded(ratio(batched, sequential)),
                    "found": batched.found(),
                    "requests": batched.requests,
                    "weight": batched.weight,
                },
            });
        }
        object
    }
}

/// What was asked besides, to compare.
struct Others {
    /// One after another.
    sequential: Answers,
    /// As many at a time as the question itself, in lists if that was not.
    at_once: Answers,
}

/// All three ways to ask.
struct Ways<'a> {
    parallel: &'a Answers,
    sequential: &'a Answers,
    batched: &'a Answers,
}

fn cost(answers: &Answers) -> String {
    let (requests, weight) = (answers.requests, answers.weight);
    let plural = if requests == 1 { "" } else { "s" };
    format!("{requests} request{plural} (weight {weight})")
}

/// A bar on standard error, and none where no person watches.
fn progress(question: &Question) -> ProgressBar {
    let count = u64::try_from(question.distinct().len()).unwrap_or(u64::MAX);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} prices")
        .expect("the template is a constant");
    ProgressBar::new(count).with_style(style)
}

fn exit(answers: &Answers) -> Exit {
    if answers.failures().next().is_none() {
        return Exit::Ok;
    }
    let nobody_answered =
        answers.found() == 0 && answers.failures().all(|(_, error)| !error.is_answer());
    if nobody_answered { Exit::VenueUnreachable } else { Exit::Partial }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

fn ratio(parallel: &Answers, sequential: &Answers) -> f64 {
    sequential.took.as_secs_f64() / parallel.took.as_secs_f64()
}

/// To two decimals: finer than that is noise.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

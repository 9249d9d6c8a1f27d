//! The report as one HTML file that loads nothing.

use std::fmt::Write as _;

use super::report::CertifyReport;

const HEAD: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src \
'unsafe-inline'\"><meta name=\"viewport\" content=\"width=device-width\">\
<title>Certification</title><style>\
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;\
border-bottom:1px solid #8884;vertical-align:top}td:first-child,td:last-child{text-align:right}\
.failed{color:#b00020;font-weight:600}.skipped{opacity:.7}small{display:block;opacity:.8}\
</style>";

impl CertifyReport {
    /// The page.
    #[must_use]
    pub fn to_html(&self) -> String {
        let mut page = String::from(HEAD);
        let (venue, symbol) = (escaped(&self.venue), escaped(&self.symbol));
        write!(
            page,
            "<h1>{venue}</h1><p>{} passed, {} failed, {} skipped. Tickwright {}, {}, on {symbol}. \
             Each check is run at the simulated exchange as well, and the answers' shapes are \
             compared.</p>",
            self.passed, self.failed, self.skipped, self.version, self.started_at,
        )
        .expect("writing to a String never fails");
        page.push_str(&self.failures());
        page.push_str("<table><tr><th>#<th>group<th>check<th>outcome<th>ms</tr>");
        for check in &self.checks {
            let remarks: String =
                check.remarks.iter().map(|r| format!("<small>{}</small>", escaped(r))).collect();
            write!(
                page,
                "<tr class=\"{}\" id=\"c{}\"><td>{}<td>{}<td>{}{remarks}<td>{}<td>{}</tr>",
                check.outcome,
                check.number,
                check.number,
                check.group,
                check.name,
                check.outcome,
                check.took_ms,
            )
            .expect("writing to a String never fails");
        }
        page.push_str("</table></html>\n");
        page
    }

    /// What failed, before the long table; nothing if nothing did.
    fn failures(&self) -> String {
        let failed = self.checks.iter().filter(|check| check.outcome == "failed");
        let links: Vec<String> = failed
            .map(|check| format!("<a href=\"#c{0}\">{0} {1}</a>", check.number, check.name))
            .collect();
        if links.is_empty() {
            return String::new();
        }
        format!("<p class=\"failed\">Failed: {}</p>", links.join(", "))
    }
}

/// The venue's words could be markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use crate::certify::table::CHECKS;
    use crate::certify::{CheckReport, Outcome};

    use super::*;

    #[test]
    fn the_venues_words_are_no_markup() {
        let findings = vec!["<script>\"&".to_owned()];
        let check = CheckReport::new(1, &CHECKS[0], Outcome::Failed { findings }, 5);
        let symbol = "BTCUSDT".parse().unwrap();
        let at = model::Timestamp::EPOCH;
        let page = CertifyReport::new("a<b".to_owned(), symbol, at, vec![check], 0).to_html();
        assert!(page.contains("&lt;script&gt;&quot;&amp;") && !page.contains("<script>"), "{page}");
        assert!(page.contains("<h1>a&lt;b</h1>"), "{page}");
        assert!(page.contains("Failed: <a href=\"#c1\">1 "), "{page}");
    }
}

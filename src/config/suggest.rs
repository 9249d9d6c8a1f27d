//! "Did you mean": the closest of the words that would have been right.

/// The candidate closest to `word`, if any is close.
#[must_use]
pub fn best<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_ascii_lowercase();
    candidates
        .map(|candidate| (strsim::jaro_winkler(&lower, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// The same as a sentence.
#[must_use]
pub fn closest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    best(word, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}

#[cfg(test)]
mod tests {
    use super::best;

    #[test]
    fn only_close_words_are_suggested() {
        #[track_caller]
        fn check(word: &str, expected: Option<&str>) {
            let candidates = ["max_drawdown", "daily_loss", "currency", "price_collar_bps"];
            assert_eq!(best(word, candidates.into_iter()), expected, "{word}");
        }
        check("max_drawdwon", Some("max_drawdown"));
        check("dailyloss", Some("daily_loss"));
        check("Currency", Some("currency"));
        check("price_collar", Some("price_collar_bps"));
        check("tempo", None);
    }
}

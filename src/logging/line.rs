//! One event as one line: JSON for the file, short and readable for a terminal.

use std::fmt::{self, Write as _};

use model::Timestamp;
use tracing::Level;
use tracing::field::{Field, Visit};

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `{"at":…,"level":…,"event":…, fields}`
    Json,
    /// `09:30:00.123 INFO  order.filled  symbol=BTCUSDT …`
    Human {
        /// With ANSI colours.
        is_coloured: bool,
    },
}

/// A line being written.
#[derive(Debug)]
pub struct Line {
    form: Form,
    text: String,
}

impl Line {
    /// The beginning of a line.
    #[must_use]
    pub fn new(form: Form, at: Timestamp, level: Level, event: &str) -> Self {
        let mut line = Self { form, text: String::with_capacity(384) };
        match form {
            Form::Json => {
                line.push(format_args!("{{\"at\":\"{at}\",\"level\":\"{}\"", lower_case(level)));
                line.text("event", event);
            }
            Form::Human { is_coloured } => {
                let at = at.to_string();
                let time = at.get(11..23).unwrap_or(&at);
                let (on, off) = if is_coloured { (colour(level), "\u{1b}[0m") } else { ("", "") };
                line.push(format_args!("{time} {on}{:<5}{off} {event:<22}", level.as_str()));
            }
        }
        line
    }

    /// The finished line.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        match self.form {
            Form::Json => self.text.push('}'),
            Form::Human { .. } => self.text.truncate(self.text.trim_end().len()),
        }
        self.text.push('\n');
        self.text.into_bytes()
    }

    fn push(&mut self, arguments: fmt::Arguments<'_>) {
        self.text.write_fmt(arguments).expect("a String takes everything");
    }

    /// A field with a text.
    pub fn text(&mut self, name: &str, value: &str) {
        let is_structured = events::STRUCTURED_FIELDS.contains(&name);
        if is_structured && self.form == Form::Json && is_one_json_value(value) {
            self.push(format_args!(",\"{name}\":{value}"));
        } else if !is_structured || self.form == Form::Json {
            self.quoted(name, format_args!("{value}"));
        }
        // Long lists are for the file.
    }

    /// A field with what `value` prints, which nothing is allocated for in JSON.
    fn quoted(&mut self, name: &str, value: fmt::Arguments<'_>) {
        match self.form {
            Form::Json => {
                self.push(format_args!(",\"{name}\":\""));
                JsonText(&mut self.text).write_fmt(value).expect("a String takes everything");
                self.text.push('"');
            }
            Form::Human { .. } => {
                let value = value.to_string();
                let plain = |c: char| c.is_alphanumeric() || "_-+.,:/%@#".contains(c);
                if !value.is_empty() && value.chars().all(plain) {
                    self.push(format_args!(" {name}={value}"));
                } else {
                    // Escaped, so that nothing from the network can steer a terminal.
                    self.push(format_args!(" {name}={value:?}"));
                }
            }
        }
    }

    /// A field with a count.
    pub fn number(&mut self, name: &str, value: u64) {
        self.bare(name, format_args!("{value}"));
    }

    /// A field with a number or a truth value.
    fn bare(&mut self, name: &str, value: fmt::Arguments<'_>) {
        match self.form {
            Form::Json => self.push(format_args!(",\"{name}\":{value}")),
            Form::Human { .. } => self.push(format_args!(" {name}={value}")),
        }
    }
}

/// Escapes what is written to it as the inside of a JSON string (RFC 8259, section 7).
struct JsonText<'t>(&'t mut String);

impl fmt::Write for JsonText<'_> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let must_escape = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
        if !part.as_bytes().iter().any(must_escape) {
            self.0.push_str(part);
            return Ok(());
        }
        for character in part.chars() {
            match character {
                '"' => self.0.push_str("\\\""),
                '\\' => self.0.push_str("\\\\"),
                '\n' => self.0.push_str("\\n"),
                '\0'..='\u{1f}' => write!(self.0, "\\u{:04x}", u32::from(character))?,
                _ => self.0.push(character),
            }
        }
        Ok(())
    }
}

const fn lower_case(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

const fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\u{1b}[31m",
        Level::WARN => "\u{1b}[33m",
        Level::INFO => "\u{1b}[32m",
        Level::DEBUG | Level::TRACE => "\u{1b}[90m",
    }
}

fn is_one_json_value(text: &str) -> bool {
    !text.contains('\n') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if events::STRUCTURED_FIELDS.contains(&field.name()) {
            self.text(field.name(), &format!("{value:?}"));
        } else {
            self.quoted(field.name(), format_args!("{value:?}"));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.text(field.name(), &value.to_string());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.bare(field.name(), format_args!("{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.bare(field.name(), format_args!("{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.bare(field.name(), format_args!("{value}"));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.bare(field.name(), format_args!("{value}"));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.bare(field.name(), format_args!("{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.bare(field.name(), format_args!("{value}"));
        } else {
            self.text(field.name(), &value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(form: Form) -> String {
        let at = Timestamp::from_nanos(1_723_161_253_937_085_768);
        let mut line = Line::new(form, at, Level::WARN, "frame.malformed");
        line.bare("connection", format_args!("1"));
        line.text("error", "expected \"}\"");
        line.text("excerpt", "\u{1b}[2J\n{\"e\":");
        line.text("url", "ws://127.0.0.1:8082/ws");
        line.text("mailboxes", "[{\"depth\":1}]");
        line.text("streams", "[{\"depth\":");
        String::from_utf8(line.finish()).unwrap()
    }

    #[test]
    fn json_lines_are_json_whatever_they_hold() {
        let line = render(Form::Json);
        assert_eq!(line.matches('\n').count(), 1);
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["at"], "2024-08-08T23:54:13.937085Z");
        assert_eq!(value["level"], "warn");
        assert_eq!(value["event"], "frame.malformed");
        assert_eq!(value["connection"], 1);
        assert_eq!(value["excerpt"], "\u{1b}[2J\n{\"e\":");
        assert_eq!(value["mailboxes"][0]["depth"], 1);
        assert_eq!(value["streams"], "[{\"depth\":");
    }

    #[test]
    fn every_character_survives_json() {
        let all: String = ('\0'..='\u{17f}').chain("\u{2028}€😀".chars()).collect();
        let mut line = Line::new(Form::Json, Timestamp::EPOCH, Level::INFO, "a.b");
        line.text("text", &all);
        let value: serde_json::Value = serde_json::from_slice(&line.finish()).unwrap();
        assert_eq!(value["text"], *all);
    }

    #[test]
    fn human_lines_are_short_and_harmless() {
        assert_eq!(
            render(Form::Human { is_coloured: false }),
            "23:54:13.937 WARN  frame.malformed        connection=1 error=\"expected \\\"}\\\"\" \
             excerpt=\"\\u{1b}[2J\\n{\\\"e\\\":\" url=ws://127.0.0.1:8082/ws\n"
        );
        let coloured = render(Form::Human { is_coloured: true });
        assert!(coloured.starts_with("23:54:13.937 \u{1b}[33mWARN \u{1b}[0m frame.malformed"));
    }
}

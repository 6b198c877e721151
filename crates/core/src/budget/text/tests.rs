//! What people may write for a budget, and what they are told when it cannot be read.

use proptest::prelude::*;

use super::{super::amount::bare, *};

const NOW: Timestamp = Timestamp::from_millis(1_000);

fn limits(text: &str) -> Limits {
    Limits::read(text, NOW).unwrap()
}

fn refused(text: &str) -> String {
    Limits::read(text, NOW).unwrap_err().to_string()
}

#[test]
fn the_form_of_the_command_line_is_read() {
    let read = limits("usd=0.50,tokens=20k,wall=10m,deadline=3d,tool_calls=30");
    assert_eq!(read.usd, Some(500_000));
    assert_eq!((read.tokens, read.input_tokens), (Some(20_000), None));
    assert_eq!(read.wall, Some(600_000));
    assert_eq!(read.deadline, Some(Timestamp::from_millis(1_000 + 3 * 86_400_000)));
    assert_eq!((read.tool_calls, read.model_calls), (Some(30), None));
}

#[test]
fn amounts_are_read_exactly_or_not_at_all() {
    for (text, micros) in [("1", 1_000_000), ("0.000001", 1), ("12.5", 12_500_000), ("0", 0)] {
        assert_eq!(limits(&format!("usd={text}")).usd, Some(micros));
    }
    for text in
        ["0.0000001", "-1", "1e3", "", "1.", ".5", "1,5", "0x1", "18446744073709.551616", "∞"]
    {
        assert!(Limits::read(&format!("usd={text}"), NOW).is_err(), "{text}");
    }
    assert_eq!(limits("tokens=1.5k,model_calls=2m").tokens, Some(1_500));
    assert!(Limits::read("tokens=1.5", NOW).is_err(), "half a token");
    assert_eq!(limits("wall=1h30m").wall, Some(5_400_000));
    for text in ["10", "10x", "m", "1h30", "h1"] {
        assert!(Limits::read(&format!("wall={text}"), NOW).is_err(), "{text}");
    }
}

#[test]
fn an_error_says_where_and_what_would_be_right() {
    let table = [
        (
            "usd=1,toolcalls=3",
            "`toolcalls` cannot be limited; did you mean `tool_calls`? (at character 7)",
        ),
        ("usb=1", "`usb` cannot be limited; did you mean `usd`? (at character 1)"),
        ("usd", "`usd` has no amount; write `usd=…` (at character 1)"),
        ("usd=1, usd=2", "`usd` is given twice (at character 8)"),
        ("usd=1,", "expected a limit such as `usd=0.50` (at character 7)"),
        ("", "expected a limit such as `usd=0.50` (at character 1)"),
        ("+usd=1", "`+` raises a limit; here limits are set (at character 1)"),
        (
            "wall=10",
            "`10` is not an amount of wall; write a span with its unit, such as `wall=10m` or `wall=1h30m` (at character 1)",
        ),
    ];
    for (text, message) in table {
        assert_eq!(refused(text), message, "{text}");
    }
    assert!(refused("zebra=1").contains("these can: usd, input_tokens"), "{}", refused("zebra=1"));
}

#[test]
fn a_top_up_says_that_it_adds() {
    let more = Limits::read_top_up("+usd=0.25,+deadline=1d", NOW).unwrap();
    assert_eq!(more.usd, Some(250_000));
    assert_eq!(more.deadline, Some(Timestamp::from_millis(1_000 + 86_400_000)));
    let error = Limits::read_top_up("+usd=0.25,wall=1m", NOW).unwrap_err();
    assert_eq!((error.at, error.problem), (10, BudgetProblem::MissingPlus));
}

#[test]
fn a_definition_has_no_clock_and_so_no_deadline() {
    assert_eq!("usd=1".parse::<Limits>().unwrap().usd, Some(1_000_000));
    assert_eq!("deadline=1d".parse::<Limits>().unwrap_err().problem, BudgetProblem::NoClock);
}

#[test]
fn limits_in_json_name_only_what_is_limited() {
    let json = serde_json::to_string(&limits("usd=0.50,depth=3")).unwrap();
    assert_eq!(json, r#"{"usd":500000,"depth":3}"#);
    assert!(serde_json::from_str::<Limits>(r#"{"usb":1}"#).is_err(), "a typo is no limit");
}

proptest! {
    #[test]
    fn what_is_shown_reads_back(usd in 0..u64::MAX / 2, wall in 0_u64..1 << 50, calls: u64) {
        let (usd_text, wall_text) = (bare(Dimension::Usd, usd), bare(Dimension::Wall, wall));
        let read = limits(&format!("usd={usd_text},wall={wall_text},tool_calls={calls}"));
        prop_assert_eq!((read.usd, read.wall, read.tool_calls), (Some(usd), Some(wall), Some(calls)));
    }

    #[test]
    fn no_text_makes_the_reader_fall_over(text in "[a-z_=,+.0-9 é]{0,24}") {
        if let Err(error) = Limits::read(&text, NOW) {
            prop_assert!(text.is_char_boundary(error.at), "{}", error);
        }
    }
}

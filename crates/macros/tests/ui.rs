//! Pins what an author is told, and where; and that what should compile does, and runs.

#[test]
fn every_mistake_is_named_at_its_token() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
    cases.pass("tests/pass/*.rs");
}

//! What can't be a node is refused with a message that says what to write instead.

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}

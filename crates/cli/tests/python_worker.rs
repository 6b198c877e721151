//! The Python worker package's own tests, against this build of the program, and of one with a flow
//! of which a worker serves steps.

use std::{path::Path, process::Command};

#[test]
fn python_functions_are_tools_and_steps_of_the_real_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tests = Command::new("python3")
        .args(["-m", "unittest", "discover", "-s", "python", "-t", "python"])
        .env("MAINSTAY_BIN", env!("CARGO_BIN_EXE_mainstay"))
        .env("MAINSTAY_STEPS_BIN", mainstay_testing::example::built("mainstay", "order_desk"))
        .current_dir(root)
        .output()
        .expect("python3, 3.10 or newer, is not installed");
    let told = String::from_utf8_lossy(&tests.stderr);
    assert!(tests.status.success(), "{told}");
    assert!(!told.contains("skipped="), "{told}");
    let ran = told.lines().find_map(|line| line.strip_prefix("Ran ")?.split(' ').next());
    println!("figure python_tests={} tests", ran.unwrap_or("0"));
}

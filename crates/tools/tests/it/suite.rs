//! The official test suite of JSON Schema, draft 2020-12, through the check that tools get.
//!
//! The suite comes from the package `jsonschema` on the Python index, which carries it. Schemas are
//! taken as they stand here: closing them is ours and no part of the standard.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use mainstay_core::schema::SchemaCheck;
use mainstay_tools::JsonSchemaCheck;
use serde_json::Value;

const PACKAGE: &str = "jsonschema==4.26.0";

/// How many tests this version of the suite has: a part that was not found is no agreement.
const TESTS: usize = 1_257;

/// Groups whose schemas refer to documents elsewhere, which a check never fetches: the schema is
/// refused, and so is every value.
const ELSEWHERE: [&str; 20] = [
    "dynamicRef: strict-tree schema, guards against misspelled properties",
    "dynamicRef: tests for implementation dynamic anchor and reference link",
    "dynamicRef: $ref and $dynamicAnchor are independent of order - $defs first",
    "dynamicRef: $ref and $dynamicAnchor are independent of order - $ref first",
    "dynamicRef: $ref to $dynamicRef finds detached $dynamicAnchor",
    "refRemote: remote ref",
    "refRemote: fragment within remote ref",
    "refRemote: anchor within remote ref",
    "refRemote: ref within remote ref",
    "refRemote: base URI change",
    "refRemote: base URI change - change folder",
    "refRemote: base URI change - change folder in subschema",
    "refRemote: root ref in remote ref",
    "refRemote: remote ref with ref to defs",
    "refRemote: Location-independent identifier in remote ref",
    "refRemote: retrieved nested refs resolve relative to their URI not $id",
    "refRemote: remote HTTP ref with different $id",
    "refRemote: remote HTTP ref with different URN $id",
    "refRemote: remote HTTP ref with nested absolute ref",
    "refRemote: $ref to $ref finds detached $anchor",
];

/// The one test about a language of one's own, which `$schema` names by an address elsewhere. It
/// switches the checks off; here they stay on whatever a schema says it is written in.
const OWN_LANGUAGE: (&str, &str) = (
    "vocabulary: schema that uses custom metaschema with with no validation vocabulary",
    "no validation: invalid number, but it still validates",
);

/// Fetches the suite into `target/`, once, and returns its folder.
fn suite() -> PathBuf {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/json-schema-suite");
    let unpacked = target.join("jsonschema-4.26.0/json/tests/draft2020-12");
    if !unpacked.is_dir() {
        fs::create_dir_all(&target).unwrap();
        let fetched = Command::new("python3")
            .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"])
            .args(["--no-binary", ":all:", PACKAGE, "--dest"])
            .arg(&target)
            .status();
        assert!(fetched.unwrap().success(), "the suite could not be fetched with pip");
        let unpack = Command::new("tar")
            .args(["-xzf", "jsonschema-4.26.0.tar.gz"])
            .current_dir(&target)
            .status();
        assert!(unpack.unwrap().success(), "the suite could not be unpacked");
    }
    unpacked
}

/// Every test as (file and group, test, schema, value, whether it fits).
fn tests() -> Vec<(String, String, Value, Value, bool)> {
    let mut files: Vec<_> =
        fs::read_dir(suite()).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let mut tests = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "json")) {
        let name = file.file_stem().unwrap().to_string_lossy();
        let groups: Vec<Value> = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        for group in groups {
            let place = format!("{name}: {}", group["description"].as_str().unwrap());
            for test in group["tests"].as_array().unwrap() {
                let said = test["description"].as_str().unwrap().to_owned();
                let fits = test["valid"].as_bool().unwrap();
                tests.push((
                    place.clone(),
                    said,
                    group["schema"].clone(),
                    test["data"].clone(),
                    fits,
                ));
            }
        }
    }
    tests
}

#[test]
fn the_official_suite_agrees_wherever_nothing_is_fetched() {
    let check = JsonSchemaCheck::new();
    let (tests, mut wrong, mut elsewhere) = (tests(), Vec::new(), BTreeSet::new());
    let (mut agreed, mut refused, mut stricter) = (0, 0, 0);
    for (group, test, schema, value, fits) in &tests {
        let errors = check.errors(schema, value);
        if ELSEWHERE.contains(&group.as_str()) {
            let unsound = errors.first().is_some_and(|error| error.message.contains("unsound"));
            assert!(unsound, "{group} is listed as refused: {errors:?}");
            elsewhere.insert(group.as_str());
            refused += 1;
        } else if OWN_LANGUAGE == (group.as_str(), test.as_str()) {
            assert!(!errors.is_empty(), "{group} is listed as stricter");
            stricter += 1;
        } else if errors.is_empty() == *fits {
            agreed += 1;
        } else {
            wrong.push(format!("{group}: {test}: {errors:?}"));
        }
    }
    assert_eq!(tests.len(), TESTS, "another version of the suite");
    assert_eq!(elsewhere.len(), ELSEWHERE.len(), "a listed group is not there");
    println!(
        "{agreed} of {} agree; {refused} refer elsewhere and are refused; {stricter} is stricter",
        tests.len()
    );
    println!("figure suite_disagreements={} tests", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

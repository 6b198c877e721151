//! Commands as tools: what they get, what they return, how they end.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use mainstay_core::{
    code::Code,
    failure::Retryability,
    tool::{TookEffect, Tool, ToolFailure, ToolSpec},
};
use serde_json::{Value, json};

use super::{CommandError, ProcessCommand, ProcessTool, ResultForm};
use crate::testing::call;

mod conformance;
mod escapes;

/// Returns the program that knows the hidden verb.
pub(super) fn sandbox() -> PathBuf {
    mainstay_testing::example::built("mainstay-tools", "sandbox")
}

pub(super) fn spec() -> ToolSpec {
    ToolSpec::new("probe", json!({"type": "object", "required": ["q"], "properties": {"q": {}}}))
}

pub(super) fn tool(command: ProcessCommand) -> ProcessTool {
    ProcessTool::new(spec(), "probe", command, sandbox()).unwrap()
}

/// Makes a command of a script in Perl, which every Debian has.
pub(super) fn perl(script: &str) -> ProcessCommand {
    let command = ProcessCommand::new(["/usr/bin/perl", "-e", script]);
    ProcessCommand { form: ResultForm::Text, ..command }
}

pub(super) async fn run(command: ProcessCommand) -> Result<Value, ToolFailure> {
    tool(command).call(call(json!({"q": "x"}))).await
}

async fn failure(script: &str) -> ToolFailure {
    run(perl(script)).await.unwrap_err()
}

#[tokio::test]
async fn arguments_come_on_standard_input_and_where_the_command_line_wants_them() {
    let echo = ProcessCommand::new(["/bin/cat"]);
    let hostile = json!({"q": "$(id); `id` ' \" \\ \u{202e} Grüße\n"});
    assert_eq!(tool(echo).call(call(hostile.clone())).await.unwrap(), hostile);
    let line = ProcessCommand::new(["/usr/bin/printf", "%s|%s", "--", "{args.q}"]);
    let line = ProcessCommand { form: ResultForm::Text, ..line };
    let line = ProcessCommand {
        argv: ["/usr/bin/printf", "--", "%s", "{args.q}"].map(Into::into).into(),
        ..line
    };
    let said = tool(line).call(call(hostile.clone())).await.unwrap();
    assert_eq!(said, hostile["q"].as_str().unwrap().trim_end_matches('\n'), "no shell reads it");
}

#[tokio::test]
async fn an_argument_is_no_option_and_no_second_argument() {
    let plain = tool(ProcessCommand::new(["/usr/bin/printf", "{args.q}"]));
    let refused = plain.call(call(json!({"q": "--version"}))).await.unwrap_err();
    assert_eq!(refused.took_effect, TookEffect::No);
    assert!(refused.message.contains("option"), "{refused}");
    for q in [json!("a\u{0}b"), json!("x".repeat(70_000))] {
        assert!(
            plain.call(call(json!({"q": q}))).await.unwrap_err().message.contains("command line")
        );
    }
}

#[test]
fn a_command_line_is_checked_before_anything_is_called() {
    let refused = |argv: &[&str]| {
        let made =
            ProcessTool::new(spec(), "x", ProcessCommand::new(argv.iter().copied()), sandbox());
        made.unwrap_err()
    };
    for program in ["perl", "./perl", "/usr/bin", "/nowhere/perl", ""] {
        assert_eq!(refused(&[program]), CommandError::Program(program.to_owned()));
    }
    assert!(matches!(refused(&[]), CommandError::Program(_)));
    assert_eq!(refused(&["/bin/cat", "{args.o}"]), CommandError::Placeholder("o".to_owned()));
    assert!(matches!(refused(&["/bin/cat", "--file={args.q}"]), CommandError::Mixed(_)));
}

#[tokio::test]
async fn text_is_text_and_nothing_is_empty() {
    assert_eq!(run(perl("print qq(one\\ntwo\\n)")).await.unwrap(), json!("one\ntwo"));
    assert_eq!(run(perl("")).await.unwrap(), Value::Null);
    let json = ProcessCommand { form: ResultForm::Json, ..perl("print '{\"n\": 1}'") };
    assert_eq!(run(json).await.unwrap(), json!({"n": 1}));
}

#[tokio::test]
async fn what_cannot_be_read_or_is_too_large_is_rejected_as_a_whole() {
    let malformed = ProcessCommand { form: ResultForm::Json, ..perl("print '{\"n\": '") };
    assert!(run(malformed).await.unwrap_err().message.contains("not JSON"));
    assert!(failure("print qq(\\xff\\xfe)").await.message.contains("not UTF-8"));
    let flood = failure("print 'x' x 2_000_000; sleep 1000").await;
    assert!(flood.message.contains("larger than 1048576 bytes"), "{flood}");
    assert_eq!(flood.took_effect, TookEffect::Unknown);
    assert_eq!(run(perl("print 'x' x 1_048_576")).await.unwrap().as_str().unwrap().len(), 1 << 20);
}

#[tokio::test]
async fn an_end_says_whether_it_may_have_acted() {
    let failed = failure("print STDERR 'no such order'; exit 3").await;
    assert_eq!((failed.took_effect, failed.retry), (TookEffect::Unknown, Retryability::Permanent));
    assert!(failed.message.contains("ended with 3: no such order"), "{failed}");
    assert_eq!(failure("exit 64").await.took_effect, TookEffect::No);
    let later = failure("exit 75").await;
    assert_eq!((later.took_effect, later.retry), (TookEffect::No, Retryability::Retryable));
    assert_eq!(later.code, Code::ToolUnavailable);
    assert!(
        failure("$SIG{ALRM} = 'DEFAULT'; alarm 1; sleep 1000").await.message.contains("signal")
    );
    assert_eq!(failure("exit 125").await.took_effect, TookEffect::Unknown, "anybody can say that");
    assert!(failure("print STDERR 'x' x 100_000; exit 1").await.message.len() < 2_000);
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_no_process_and_no_folder() {
    let place = std::env::temp_dir().join(format!("mainstay-orphans-{}", std::process::id()));
    std::fs::create_dir_all(&place).unwrap();
    let script = format!(
        "for (1..3) {{ if (!fork) {{ sleep 1000; exit }} }} open F, '>', '{0}/ready.tmp'; \
         print F `true`; print F \"$$ \" . `/bin/pwd`; close F; rename '{0}/ready.tmp', '{0}/ready'; sleep 1000",
        place.display()
    );
    let mut command = ProcessCommand { forks: true, ..perl(&script) };
    command.paths.write.push(place.clone());
    let tool = tool(command);
    let mut under_way = tool.call(call(json!({"q": "x"})));
    while !place.join("ready").exists() {
        let turn = tokio::time::timeout(Duration::from_millis(5), &mut under_way).await;
        assert!(turn.is_err(), "{turn:?}");
    }
    let ready = std::fs::read_to_string(place.join("ready")).unwrap();
    let (leader, folder) = ready.trim().split_once(' ').unwrap();
    let group = rustix::process::Pid::from_raw(leader.parse().unwrap()).unwrap();
    assert!(rustix::process::test_kill_process_group(group).is_ok());
    drop(under_way);
    let mut looks = 0;
    while rustix::process::test_kill_process_group(group).is_ok() {
        looks += 1;
        assert!(looks < 2_000, "it goes on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!Path::new(folder).exists(), "{folder}");
    std::fs::remove_dir_all(place).unwrap();
}

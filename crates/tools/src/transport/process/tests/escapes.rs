//! Attempts to get out of the sandbox, each of which works without it.

use std::net::TcpListener;

use mainstay_core::tool::Tool;
use serde_json::json;

use super::{perl, run, tool};
use crate::{testing::call, transport::process::ProcessCommand};

/// Runs a script that says how its attempt went.
async fn says(command: ProcessCommand) -> String {
    let said = run(command).await;
    said.map_or_else(
        |failure| failure.to_string(),
        |said| said.as_str().unwrap_or_default().to_owned(),
    )
}

#[tokio::test]
async fn a_file_outside_is_not_read() {
    for path in ["/etc/shadow", "/etc/hostname", "/proc/1/environ", "/proc/self/maps"] {
        let said =
            says(perl(&format!("print open(F, '<', '{path}') ? 'open' : 'no: ' . ($!+0)"))).await;
        assert_eq!(said, "no: 13", "{path}");
    }
    let listed =
        "print opendir(D, '/root') || opendir(D, '/home') || opendir(D, '/tmp') ? 'open' : 'no'";
    assert_eq!(says(perl(listed)).await, "no");
}

#[tokio::test]
async fn nothing_is_written_outside_the_commands_own_folder() {
    let outside = std::env::temp_dir().join(format!("mainstay-escape-{}", std::process::id()));
    let script = |path: &str| format!("print open(F, '>', '{path}') ? 'open' : 'no: ' . ($!+0)");
    assert_eq!(says(perl(&script(&outside.display().to_string()))).await, "no: 13");
    assert!(!outside.exists());
    assert_eq!(says(perl(&script("../escape"))).await, "no: 13");
    assert_eq!(says(perl(&script("inside"))).await, "open");
    assert_eq!(
        says(perl(
            "print rename('/usr/bin/perl', 'perl') || link('/usr/bin/perl', 'p') ? 'done' : 'no'"
        ))
        .await,
        "no"
    );
}

#[tokio::test]
async fn no_socket_is_opened_unless_it_is_allowed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!(
        "use Socket; socket(S, PF_INET, SOCK_STREAM, 0) or do {{ print 'no socket'; exit }}; \
         print connect(S, sockaddr_in({port}, inet_aton('127.0.0.1'))) ? 'connected' : 'no: ' . ($!+0)"
    );
    assert_eq!(says(perl(&script)).await, "no socket");
    let allowed = ProcessCommand { network: true, ..perl(&script) };
    assert_eq!(says(allowed).await, "connected");
    let unix = "use Socket; print socket(S, PF_UNIX, SOCK_STREAM, 0) ? 'open' : 'no'";
    assert_eq!(says(perl(unix)).await, "no", "a socket of a service on this machine");
}

#[cfg(target_arch = "x86_64")]
#[tokio::test]
async fn calls_that_lead_around_the_walls_are_refused() {
    // ptrace, process_vm_readv, kill, setsid, mount, unshare, bpf, io_uring_setup, keyctl, ptrace once more.
    for number in [101, 310, 62, 112, 165, 272, 321, 425, 250, 0x4000_0000 + 101] {
        let script =
            format!("print syscall({number}, 0, 0, 0, 0) == -1 ? 'no: ' . ($!+0) : 'done'");
        let said = says(perl(&script)).await;
        // A kernel without the second numbers does not know the last one.
        assert!(said == "no: 1" || (number > 0x4000_0000 && said == "no: 38"), "{number}: {said}");
    }
}

#[tokio::test]
async fn no_other_process_is_started_unless_it_is_allowed() {
    let script = "my $made = 0; for (1..20) { my $p = fork; exit if defined $p && !$p; $made++ if $p } print $made";
    assert_eq!(says(perl(script)).await, "0");
    let allowed = ProcessCommand { forks: true, ..perl(script) };
    assert_eq!(says(allowed).await, "20");
}

#[tokio::test]
async fn memory_processor_time_and_files_end_where_the_limits_are() {
    let hog = says(perl("my $x = 'a' x (1 << 30); print length $x")).await;
    assert!(hog.contains("Out of memory") || hog.contains("ended"), "{hog}");
    let mut brief = perl("1 while 1");
    brief.limits.cpu_s = 1;
    assert!(says(brief).await.contains("signal"));
    let mut small = perl(
        "$SIG{XFSZ} = 'IGNORE'; open F, '>', 'f'; $| = 1; print F 'x' x 100_000; print close(F) ? 'all' : 'cut'",
    );
    small.limits.file = 1_000;
    assert_eq!(says(small).await, "cut");
    let mut few = perl(
        "my @f; for (1..100) { open(my $f, '<', '/dev/null') or last; push @f, $f } print scalar @f",
    );
    few.limits.open_files = 16;
    let opened: u32 = says(few).await.parse().unwrap();
    assert!(opened < 16, "{opened}");
}

#[tokio::test]
async fn no_environment_is_handed_down() {
    let mut seen: Vec<_> =
        says(perl("print join ',', sort keys %ENV")).await.split(',').map(str::to_owned).collect();
    seen.retain(|name| !["HOME", "PATH", "TMPDIR"].contains(&name.as_str()));
    assert_eq!(seen, Vec::<String>::new(), "this process has many more");
}

#[tokio::test]
async fn no_open_file_is_handed_down() {
    // Without the mark that closes a file when a program starts.
    let inherited = rustix::io::dup(std::io::stdin()).unwrap();
    let script = "my @open; for my $fd (3..200) { push @open, $fd if open(my $f, '<&=', $fd) } print \"@open\"";
    // Perl has its script on no descriptor: it came on the command line.
    assert_eq!(says(perl(script)).await, "");
    drop(inherited);
}

#[tokio::test]
async fn a_command_that_the_sandbox_may_not_run_is_not_run() {
    let mut elsewhere = perl("print 'ran'");
    elsewhere.paths.read.clear();
    let failure = tool(elsewhere).call(call(json!({"q": "x"}))).await.unwrap_err();
    assert!(failure.message.contains("sandbox: `/usr/bin/perl` cannot be run"), "{failure}");
}

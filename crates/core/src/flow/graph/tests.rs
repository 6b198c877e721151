//! One flow with joins, routes, a cycle and a compensation, drawn four ways.

use expect_test::{expect, expect_file};

use super::{ascii, dot, mermaid, svg};
use crate::flow::check::sample::desk;

#[test]
fn as_text() {
    expect![[r#"
                                  ┌───────────┐
                                  │ ▶ receive │
                                  └───────────┘
                                        └┐
                                         ▼
                                   ┌──────────┐
                                   │ classify │
                                   └──────────┘
                                         │
                                         ▼
                                  ┌────────────┐
                                  │ ◆ lane     │
                                  │ ends: Spam │
                                  └────────────┘
                 ┌─────────────────────┬─┴──────────────────┬────────────┐
                 ▼ Unclear             ▼ Refund             ▼ Refund     │
              ┌─────┐             ┌─────────┐          ┌────────┐        │
              │ ask │             │ look_up │          │ policy │        │
              └─────┘             └─────────┘          └────────┘        │
                                      ┌┘                    │            │
                                      ├─────────────────────┘            │
                                      │                ┌─────────────────┘
                                      ▼                │
                          ┌───────────────────────┐    │
                          │ pay                   │    │
                          │ and_(look_up, policy) │    │
                          └───────────────────────┘    │
                            ┌─────────┴──────────┐     │
                            │                    ├─────┘
                            ▼ undo               ▼ Question
                     ┌────────────┐        ┌──────────┐
                     │ ↶ undo_pay │        │ ■ answer │
                     └────────────┘        └──────────┘
        ↺ ask → classify
    "#]]
    .assert_eq(&ascii(&desk()));
}

#[test]
fn as_mermaid() {
    expect![[r#"
        flowchart TD
            s0(["receive"])
            s1["classify"]
            s2{"lane<br/>ends: Spam"}
            s3["ask"]
            s4["look_up"]
            s5["policy"]
            s6["pay<br/>and_(look_up, policy)"]
            s7[["answer"]]
            s8[/"undo_pay"/]
            s0 --> s1
            s3 --> s1
            s1 --> s2
            s2 -->|Unclear| s3
            s2 -->|Refund| s4
            s2 -->|Refund| s5
            s4 --> s6
            s5 --> s6
            s6 -.->|undo| s8
            s6 --> s7
            s2 -->|Question| s7
    "#]]
    .assert_eq(&mermaid(&desk()));
}

#[test]
fn as_dot() {
    expect![[r#"
        digraph "refund_desk" {
            node [fontname="sans-serif"];
            s0 [label="receive", shape=box, style=rounded];
            s1 [label="classify", shape=box];
            s2 [label="lane\nends: Spam", shape=diamond];
            s3 [label="ask", shape=box];
            s4 [label="look_up", shape=box];
            s5 [label="policy", shape=box];
            s6 [label="pay\nand_(look_up, policy)", shape=box];
            s7 [label="answer", shape=box, peripheries=2];
            s8 [label="undo_pay", shape=box, style=dashed];
            s0 -> s1;
            s3 -> s1;
            s1 -> s2;
            s2 -> s3 [label="Unclear"];
            s2 -> s4 [label="Refund"];
            s2 -> s5 [label="Refund"];
            s4 -> s6;
            s5 -> s6;
            s6 -> s8 [label="undo", style=dashed];
            s6 -> s7;
            s2 -> s7 [label="Question"];
        }
    "#]]
    .assert_eq(&dot(&desk()));
}

#[test]
fn as_svg() {
    expect_file!["tests/desk.svg"].assert_eq(&svg(&desk()));
}

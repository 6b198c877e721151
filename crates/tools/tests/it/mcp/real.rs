//! The servers that people run.

use mainstay_core::{
    code::Code,
    tool::{EffectClass, TookEffect, ToolCatalog},
};
use mainstay_tools::transport::mcp::Settings;
use serde_json::json;

use super::setup::{Listening, Shelf, folder, node, python, trusted};

#[tokio::test]
async fn a_server_of_the_older_generation_is_called_over_its_standard_streams() {
    let shelf = Shelf::open(Settings::new("every", node("everything", &[]))).await;
    assert_eq!(shelf.server.protocol().await.as_deref(), Some("2025-11-25"));
    let answer = shelf.call("every.echo", json!({"message": "hello"})).await.unwrap();
    assert_eq!(answer, json!("Echo: hello"));
    let sum = shelf.call("every.get-sum", json!({"a": 2, "b": 3})).await.unwrap();
    assert_eq!(sum, json!("The sum of 2 and 3 is 5."));
    let weather = json!({"location": "New York"});
    let structured = shelf.call("every.get-structured-content", weather).await.unwrap();
    assert!(structured["temperature"].is_number(), "{structured}");
    let image = shelf.call("every.get-tiny-image", json!({})).await.unwrap();
    assert_eq!(image[1]["mimeType"], json!("image/png"), "{image}");
}

#[tokio::test]
async fn a_server_of_the_older_generation_is_called_over_streamable_http() {
    let every = Listening::everything();
    let shelf = Shelf::open(Settings::new("every", every.reach())).await;
    assert_eq!(shelf.server.protocol().await.as_deref(), Some("2025-11-25"));
    let answer = shelf.call("every.echo", json!({"message": "hello"})).await.unwrap();
    assert_eq!(answer, json!("Echo: hello"));
    let slow = json!({"duration": 1, "steps": 4});
    let done = shelf.call("every.trigger-long-running-operation", slow).await.unwrap();
    assert!(done.as_str().unwrap().contains("completed"), "{done}");
}

#[tokio::test]
async fn a_tool_of_the_older_generation_that_is_only_called_as_a_task_is() {
    for reach in [node("everything", &[]), Listening::everything().reach()] {
        let shelf = Shelf::open(Settings::new("every", reach)).await;
        let topic = json!({"topic": "boxes", "ambiguous": true});
        let told = shelf.call("every.simulate-research-query", topic).await.unwrap();
        assert!(told.as_str().unwrap().contains("Research Report: boxes"), "{told}");
    }
}

const PYTHON: &str = r#"
import sys
from mcp.server.mcpserver import MCPServer
server = MCPServer("adder")

@server.tool()
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b

@server.tool()
def fail() -> str:
    """Fails."""
    raise ValueError("broken")

if len(sys.argv) > 1:
    server.run("streamable-http", port=int(sys.argv[1]))
else:
    server.run()
"#;

#[tokio::test]
async fn a_server_of_the_newer_generation_is_called() {
    let shelf = Shelf::open(Settings::new("adder", python(PYTHON))).await;
    assert_eq!(shelf.server.protocol().await.as_deref(), Some("2026-07-28"));
    let sum = shelf.call("adder.add", json!({"a": 2, "b": 3})).await.unwrap();
    assert_eq!(sum, json!({"result": 5}));
    let failed = shelf.call("adder.fail", json!({})).await.unwrap_err();
    assert_eq!((failed.code, failed.took_effect), (Code::ToolFailed, TookEffect::Unknown));
}

#[tokio::test]
async fn a_server_of_the_newer_generation_is_called_over_streamable_http() {
    let adder = Listening::python(PYTHON);
    let shelf = Shelf::open(Settings::new("adder", adder.reach())).await;
    assert_eq!(shelf.server.protocol().await.as_deref(), Some("2026-07-28"));
    let sum = shelf.call("adder.add", json!({"a": 2, "b": 3})).await.unwrap();
    assert_eq!(sum, json!({"result": 5}));
}

#[tokio::test]
async fn a_trusted_file_server_reads_and_writes() {
    let place = folder("files");
    let path = place.join("note.txt").display().to_string();
    let reach = node("filesystem", &[&place.display().to_string()]);
    let shelf = Shelf::open(trusted("files", reach)).await;
    assert_eq!(shelf.spec("files.read_text_file").effect, EffectClass::Read);
    assert_eq!(shelf.spec("files.write_file").effect, EffectClass::AtMostOnce);
    let note = json!({"path": path, "content": "twelve boxes"});
    shelf.call("files.write_file", note).await.unwrap();
    let read = shelf.call("files.read_text_file", json!({"path": path})).await.unwrap();
    assert_eq!(read, json!({"content": "twelve boxes"}));
    let outside = shelf.call("files.read_text_file", json!({"path": "/etc/passwd"})).await;
    assert!(outside.unwrap_err().message.contains("Access denied"));
}

#[tokio::test]
async fn a_memory_server_keeps_what_it_is_told() {
    let place = folder("memory");
    let mut reach = node("memory", &[]);
    if let mainstay_tools::transport::mcp::Reach::Command { env, .. } = &mut reach {
        let file = place.join("memory.jsonl").display().to_string();
        env.insert(
            "MEMORY_FILE_PATH".to_owned(),
            mainstay_tools::transport::mcp::Given::Text(file),
        );
    }
    let shelf = Shelf::open(Settings::new("memory", reach)).await;
    assert!(shelf.registry.specs().len() > 5);
    let entity = json!({"name": "Ada", "entityType": "person", "observations": ["likes tea"]});
    shelf.call("memory.create_entities", json!({"entities": [entity]})).await.unwrap();
    let found = shelf.call("memory.search_nodes", json!({"query": "tea"})).await.unwrap();
    assert_eq!(found["entities"][0]["name"], json!("Ada"), "{found}");
}

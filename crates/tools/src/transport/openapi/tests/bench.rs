//! The suite that every transport must pass.

use async_trait::async_trait;

use super::*;
use crate::testing::transport::{Bench, HOSTILE, Scene, Stage, transport_conformance};

struct Http;

const DOCUMENT: &str = r#"
openapi: 3.1.0
paths: {/ask: {post: {operationId: ask, parameters: [{name: q, in: query, schema: {type: string}}]}}}
"#;

fn reply(scene: &Scene) -> Reply {
    match scene {
        Scene::Answers(value) => Reply::json(200, value),
        Scene::FindsNothing | Scene::Absent => Reply::json(200, &json!([])),
        Scene::Hangs => Reply::raw("").and_hang(),
        Scene::HangsUp => Reply::raw(""),
        Scene::CutsOff => Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"n\":"),
        Scene::Garbles => Reply::raw("\u{0}\u{1} this is no HTTP \r\n\r\n"),
        Scene::Malforms => Reply::of(200, "content-type: application/json\r\n", b"{\"n\": \xff"),
        Scene::Floods => Reply::json(200, &json!("x".repeat(2 << 20))),
        Scene::Refuses => Reply::of(422, "", "no"),
        Scene::Hostile => Reply::json(200, &json!(HOSTILE)),
        Scene::Misfits => Reply::json(200, &json!({"n": "one"})),
    }
}

#[async_trait]
impl Bench for Http {
    async fn stage(scene: Scene) -> Stage {
        let absent = scene == Scene::Absent;
        let server = Arc::new(Server::start(move |_| reply(&scene)).await);
        let mut interface = Interface::new("peer", DOCUMENT);
        interface.base_url = Some(if absent { gone() } else { server.url("/") });
        interface.egress = Egress::public().allowing("127.0.0.1:*".parse().unwrap());
        let (counted, watched) = (Arc::clone(&server), Arc::clone(&server));
        Stage {
            tool: tool(interface, "peer.ask"),
            calls: Box::new(move || counted.seen().len()),
            holds: Box::new(move || watched.open() > 0),
            _peer: Box::new(server),
        }
    }
}

/// Returns the address of a port that nobody listens on.
fn gone() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

transport_conformance!(Http);

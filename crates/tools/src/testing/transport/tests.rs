//! The suite against a transport without a wire: a tool that does as the scene says.

use std::sync::atomic::{AtomicUsize, Ordering};

use mainstay_core::tool::ToolCall;

use super::*;
use crate::testing::Tampered;

struct Direct;

#[async_trait]
impl Bench for Direct {
    async fn stage(scene: Scene) -> Stage {
        let (calls, held) = (Arc::new(AtomicUsize::new(0)), Arc::new(()));
        let (counted, guard) = (Arc::clone(&calls), Arc::clone(&held));
        let tool = Tampered::slow(ToolSpec::new("direct", json!({})), move |_: ToolCall| {
            counted.fetch_add(1, Ordering::Relaxed);
            let (scene, guard) = (scene.clone(), Arc::clone(&guard));
            Box::pin(async move {
                let _guard = guard;
                played(&scene).await
            })
        });
        Stage {
            tool: Arc::new(tool),
            calls: Box::new(move || calls.load(Ordering::Relaxed)),
            // The scene's own and the tool's.
            holds: Box::new(move || Arc::strong_count(&held) > 2),
            _peer: Box::new(()),
        }
    }
}

async fn played(scene: &Scene) -> Result<Value, ToolFailure> {
    match scene {
        Scene::Answers(value) => Ok(value.clone()),
        Scene::FindsNothing => Ok(Value::Null),
        Scene::Hangs => std::future::pending().await,
        Scene::HangsUp | Scene::CutsOff | Scene::Garbles | Scene::Malforms => {
            Err(ToolFailure::new("lost"))
        }
        Scene::Floods => Ok("x".repeat(2 << 20).into()),
        Scene::Refuses => Err(ToolFailure::refused("no")),
        Scene::Hostile => Ok(HOSTILE.into()),
        Scene::Misfits => Ok(json!({"n": "one"})),
        Scene::Absent => Err(ToolFailure::unavailable("nobody")),
    }
}

transport_conformance!(Direct);

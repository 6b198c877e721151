//! One program in three states of its life, for the rehearsal of an upgrade: as it was, with a new
//! version of its flow, and with a change that its runs do not survive.
//!
//! ```console
//! $ STATE=new LEDGER=ledger.txt cargo run -p mainstay --example upgrade -- flows ls
//! ```

use std::{io::Write, process::ExitCode, time::Duration};

use mainstay::{ToolSet, prelude::*};

/// Where what was done is written down, a line each.
struct Ledger(String);

/// Long enough for a deployment to come in between.
const PAUSE: Duration = Duration::from_secs(4);

/// How long after it was written down the answer comes.
const ANSWER: Duration = Duration::from_millis(300);

/// Writes something down.
#[tool(effect = idempotent(key_valid_for = forever))]
async fn note(cx: &ToolContext, what: String) -> Result<usize, ToolFailure> {
    let full = |error: std::io::Error| ToolFailure::refused(error.to_string());
    let path = &cx.resource::<Ledger>()?.0;
    let mut file = std::fs::File::options().create(true).append(true).open(path).map_err(full)?;
    // One write a line: lines of several processes do not mix.
    file.write_all(format!("{what}\n").as_bytes()).map_err(full)?;
    // A worker that loses its session now does not hear of it: another would write it again.
    tokio::time::sleep(ANSWER).await;
    Ok(what.len())
}

mod old {
    use super::{PAUSE, note};
    use mainstay::prelude::*;
    use serde_json::json;

    /// An order.
    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    pub(crate) struct Order {
        order: String,
    }

    /// Takes an order in, packs it and sends it.
    #[flow(name = "order", version = 1)]
    impl Order {
        #[start(grants = [note])]
        async fn take(&self, cx: &StepContext) -> Result<()> {
            cx.tool(note::with(format!("{} taken", self.order))).await.required()?;
            cx.sleep(PAUSE).await;
            Ok(())
        }

        #[listen(take, grants = [note])]
        async fn pack(&self, cx: &StepContext) -> Result<()> {
            cx.tool(note::with(format!("{} packed", self.order))).await.required()?;
            cx.sleep(PAUSE).await;
            Ok(())
        }

        #[listen(pack, grants = [note])]
        async fn send(&self, cx: &StepContext) -> Result<()> {
            cx.tool(note::with(format!("{} sent", self.order))).await.required()?;
            Ok(())
        }
    }

    /// Many orders at once.
    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    pub(crate) struct Batch {
        name: String,
        count: u32,
    }

    /// Starts an order for each, and waits for them.
    #[flow(name = "batch", version = 1)]
    impl Batch {
        #[start]
        async fn all(&self, cx: &StepContext) -> Result<()> {
            let orders = cx.map(0..self.count, |cx, number| async move {
                let order = json!({ "order": format!("{}{number}", self.name) });
                cx.run_flow::<()>(ChildRun::of("order", &order)).await
            });
            orders.await.into_iter().try_for_each(|sent| Ok(sent.map(drop)?))
        }
    }

    /// Something that waits to be fetched.
    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    pub(crate) struct Pickup {
        order: String,
    }

    /// Waits until somebody comes.
    #[flow(name = "pickup", version = 1)]
    impl Pickup {
        #[start(grants = [note])]
        async fn hold(&self, cx: &StepContext) -> Result<()> {
            let _: Option<String> = cx.signal("fetched").await?;
            cx.tool(note::with(format!("{} fetched", self.order))).await.required()?;
            Ok(())
        }
    }
}

mod new {
    use super::{PAUSE, note};
    use mainstay::prelude::*;
    use serde_json::json;

    /// An order.
    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    pub(crate) struct Order {
        order: String,
    }

    /// Takes an order in, checks it, packs it and sends it.
    #[flow(name = "order", version = 2)]
    impl Order {
        #[start(grants = [note])]
        async fn take(&self, cx: &StepContext) -> Result<()> {
            cx.tool(note::with(format!("{} taken", self.order))).await.required()?;
            cx.sleep(PAUSE).await;
            Ok(())
        }

        #[listen(take, grants = [note])]
        async fn check(&self, cx: &StepContext) -> Result<()> {
            cx.tool(note::with(format!("{} checked", self.order))).await.required()?;
            Ok(())
        }

        #[listen(check, grants = [note])]
        async fn pack(&self, cx: &StepContext) -> Result<()> {
            cx.tool(note::with(format!("{} packed", self.order))).await.required()?;
            cx.sleep(PAUSE).await;
            Ok(())
        }

        #[listen(pack, grants = [note])]
        async fn send(&self, cx: &StepContext) -> Result<()> {
            cx.tool(note::with(format!("{} sent", self.order))).await.required()?;
            Ok(())
        }
    }

    /// Many orders at once.
    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    pub(crate) struct Batch {
        name: String,
        count: u32,
    }

    /// Starts an order for each, and waits for them.
    #[flow(name = "batch", version = 2)]
    impl Batch {
        #[start]
        async fn all(&self, cx: &StepContext) -> Result<()> {
            let orders = cx.map(0..self.count, |cx, number| async move {
                let order = json!({ "order": format!("{}{number}", self.name) });
                cx.run_flow::<()>(ChildRun::of("order", &order)).await
            });
            orders.await.into_iter().try_for_each(|sent| Ok(sent.map(drop)?))
        }
    }
}

mod broken {
    use super::note;
    use mainstay::prelude::*;

    /// Something that waits to be fetched.
    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    pub(crate) struct Pickup {
        order: String,
    }

    // Its graph is that of version 1, and its body is not: it asks first.
    /// Waits until somebody comes.
    #[flow(name = "pickup", version = 1)]
    impl Pickup {
        #[start(grants = [note])]
        async fn hold(&self, cx: &StepContext) -> Result<()> {
            cx.tool(note::with(format!("{} asked for", self.order))).await.required()?;
            let _: Option<String> = cx.signal("fetched").await?;
            cx.tool(note::with(format!("{} fetched", self.order))).await.required()?;
            Ok(())
        }
    }
}

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "said by the rehearsal, not by a configuration")]
    let said = |name| std::env::var_os(name).unwrap_or_default().to_string_lossy().into_owned();
    let app = mainstay::App::new()
        .about("Takes orders")
        .tools(ToolSet::new().native::<note>())
        .resource(Ledger(said("LEDGER")));
    let app = match said("STATE").as_str() {
        "new" => app.flow::<new::Order>().flow::<new::Batch>().flow::<old::Pickup>(),
        "broken" => app.flow::<old::Order>().flow::<broken::Pickup>(),
        _ => app.flow::<old::Order>().flow::<old::Batch>().flow::<old::Pickup>(),
    };
    app.main()
}

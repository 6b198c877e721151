//! `mainstay flows plot`.

use mainstay_core::flow::graph;

use crate::cli::{error::CliError, exit::Exit, shell::Shell};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The flow
    flow: String,
    /// What to draw with
    #[arg(long, short, value_enum, default_value_t)]
    format: Drawing,
}

/// The forms of a drawing.
#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Drawing {
    /// Text for a terminal
    #[default]
    Ascii,
    /// For Markdown
    Mermaid,
    /// For Graphviz
    Dot,
    /// For a page
    Svg,
}

pub(super) fn run(shell: &Shell, args: &Args) -> Result<Exit, CliError> {
    let flow = super::find(shell, &args.flow)?.program.definition();
    let drawing = match args.format {
        Drawing::Ascii => graph::ascii(flow),
        Drawing::Mermaid => graph::mermaid(flow),
        Drawing::Dot => graph::dot(flow),
        Drawing::Svg => graph::svg(flow),
    };
    if shell.output.is_for_people() {
        shell.output.line(drawing.trim_end())?;
    } else {
        shell.output.document(&std::collections::BTreeMap::from([("drawing", drawing)]))?;
    }
    Ok(Exit::Ok)
}

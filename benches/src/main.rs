//! The program behind `cargo x bench`.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use hd1_benches::{bases, clients, counts, mirror, peers, plugins, replication, report, scenes};

#[derive(Parser)]
#[command(about = "HD1's benches: figures beside a named opponent, measured in the same run")]
struct Args {
    /// Which question.
    name: Name,
    /// Fewer and shorter runs: ends within 5 minutes.
    #[arg(long)]
    quick: bool,
    /// Also write the rows as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// For `peers`: the engines' figures, a JSON object a line; without it HD1 is measured alone.
    #[arg(long, value_name = "FILE")]
    figures: Option<PathBuf>,
    /// For `peers`: also put the table between its marks in this file.
    #[arg(long, value_name = "FILE")]
    readme: Option<PathBuf>,
    /// For `counts`: note what was counted, for later runs to compare with.
    #[arg(long)]
    note: bool,
    /// For `clients`: the binary `hd1`.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// For `plugins`: the module `hd1-drift`.
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    /// Is a delta better coded against what each client has, or against bases that many share?
    Bases,
    /// How many clients does one core of a server hold over real QUIC?
    Clients,
    /// How many instructions and allocations does a steady tick take?
    Counts,
    /// What does a client pay to follow a world?
    Mirror,
    /// How does HD1 stand beside its public peers?
    Peers,
    /// What do systems cost that come as WebAssembly?
    Plugins,
    /// What does it cost to show a world to many clients?
    Replication,
    /// What does one tick of each library scene cost, and the bytes of a client that watches?
    Scenes,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let rows = match args.name {
        Name::Bases => bases::run(args.quick)?,
        Name::Clients => clients::run(args.quick, args.program.as_deref())?,
        Name::Counts => counts::run(args.note)?,
        Name::Mirror => mirror::run(args.quick)?,
        Name::Peers => peers::run(args.quick, args.figures.as_deref())?,
        Name::Plugins => plugins::run(args.quick, args.module.as_deref())?,
        Name::Replication => replication::run(args.quick)?,
        Name::Scenes => scenes::run(args.quick)?,
    };
    report::print(&rows);
    if let Some(file) = args.readme {
        peers::readme::write(&rows, &file)?;
    }
    if let Some(file) = args.json {
        report::write(&rows, &file)?;
    }
    Ok(())
}

//! HD1 as the peers' programs are: `hd1-peer SCENE [--quick]` prints its figures on one line.

fn main() -> anyhow::Result<()> {
    let (scene, quick) = hd1_scenario::command::arguments()?;
    hd1_benches::peers::measure(&scene, quick)?.print()
}

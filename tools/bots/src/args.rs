//! The flags of `hd1 bots`.

use clap::ValueEnum;

/// Fill sessions with bots and measure what they see.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The server, as `http://host:port`.
    #[arg(long, value_name = "URL", env = "HD1_SERVER")]
    pub server: String,
    /// A bearer token that may make sessions, such as the one in DATA/admin-token; without it bots join the public
    /// sessions as guests.
    #[arg(long, env = "HD1_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Sessions to make.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub sessions: u32,
    /// Bots, spread over the sessions.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub clients: u32,
    /// How they connect.
    #[arg(long, value_enum, default_value_t = Transport::Quic)]
    pub transport: Transport,
    /// Seconds to measure, once all are in.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub seconds: u32,
    /// The scene of the sessions; the server's default where left out.
    #[arg(long, value_name = "NAME")]
    pub scene: Option<String>,
    /// Ticks a second of the sessions; the server's default where left out.
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u32).range(1..=128))]
    pub tick_rate: Option<u32>,
    /// Share of datagrams that a simulated network loses each way: 0.05, or 5%.
    #[arg(long, value_name = "P", default_value = "0", value_parser = parse_share)]
    pub loss: f64,
    /// Milliseconds of round trip that a simulated network adds.
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub rtt: u32,
    /// Bots that keep the world they are shown and compare its check sums, spread over all; the others acknowledge it alone,
    /// which costs half. All of them where left out.
    #[arg(long, value_name = "N")]
    pub mirrors: Option<u32>,
    /// Print the figures as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// The three ways in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lowercase")]
pub enum Transport {
    /// QUIC.
    #[default]
    Quic,
    /// WebTransport.
    WebTransport,
    /// WebSocket.
    WebSocket,
}

impl Args {
    /// Does a bot keep the world that it is shown? Bots count from 0.
    #[must_use]
    pub fn has_mirror(&self, number: u32) -> bool {
        let (all, kept) = (u64::from(self.clients), self.mirrors.map_or(u64::MAX, u64::from));
        kept >= all || u64::from(number) % all * kept % all < kept
    }
}

fn parse_share(text: &str) -> Result<f64, String> {
    let wrong = || format!("{text}: must be a share from 0 to 1 such as 0.05, or a percentage such as 5%");
    let share = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map_err(|_| wrong())? / 100.0,
        None => text.parse().map_err(|_| wrong())?,
    };
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Program::try_parse_from(line.split_whitespace()).map(|program| program.args)
    }

    #[test]
    fn so_many_bots_keep_a_mirror_spread_over_all() {
        let kept = |line: &str| {
            let args = parse(&format!("bots --server http://127.0.0.1:1 {line}")).unwrap();
            (0..args.clients).filter(|number| args.has_mirror(*number)).collect::<Vec<_>>()
        };
        assert_eq!(kept("--clients 6").len(), 6);
        assert_eq!(kept("--clients 6 --mirrors 9").len(), 6);
        assert_eq!(kept("--clients 6 --mirrors 0"), [0u32; 0]);
        assert_eq!(kept("--clients 8 --mirrors 2"), [0, 4]);
        assert_eq!(kept("--clients 1000 --mirrors 125").len(), 125);
    }

    #[test]
    fn the_line_of_the_contract_parses() {
        let line = "bots --server http://127.0.0.1:1 --token T --sessions 2 --clients 50 --transport webtransport \
                    --seconds 5 --scene cubes --loss 5% --rtt 80 --json";
        let args = parse(line).unwrap();
        assert_eq!((args.sessions, args.clients, args.seconds, args.rtt), (2, 50, 5, 80));
        assert_eq!((args.transport, args.scene.as_deref(), args.json), (Transport::WebTransport, Some("cubes"), true));
        assert!((args.loss - 0.05).abs() < 1.0e-12);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for flags in ["--sessions 0", "--clients 0", "--loss 1.5", "--loss -1%", "--transport tcp", "--seconds 0"] {
            assert!(parse(&format!("bots --server http://h {flags}")).is_err(), "{flags}");
        }
    }
}

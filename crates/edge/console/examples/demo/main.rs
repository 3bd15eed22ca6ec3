//! The console without a hub: `cargo run -p cordon-console --example demo [bad|good|empty|none] [port]`.
//! It prints the link and shows a made-up day, a little later every two seconds, until its standard
//! input ends or is told the name of another day.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a demo")]

mod days;

use std::{
    env,
    error::Error,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use cordon_console::{Board, Console};
use cordon_model::Time;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let mut day = arguments.next().unwrap_or_else(|| "bad".to_owned());
    let port = arguments.next().map_or(Ok(0), |port| port.parse())?;
    let board = Board::new();
    let (console, listening) =
        Console::start(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), board.clone())?;
    println!("{}", listening.url);
    let (sender, told) = mpsc::channel();
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    for round in 0.. {
        let now = Time::from_millis(u64::try_from(
            SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis(),
        )?);
        if let Some(page) = days::day(&day, now, round) {
            board.show(page);
        }
        match told.recv_timeout(Duration::from_secs(2)) {
            Ok(name) => day = name,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    Ok(console.stop()?)
}

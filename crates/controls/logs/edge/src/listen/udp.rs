//! Syslog over UDP: a datagram a message. Nobody hears of a datagram that is dropped, so drops are counted
//! where they happen: the kernel's by the counter of the socket, ours by ourselves.

use std::{
    io::{self, IoSliceMut},
    net::{IpAddr, SocketAddr, UdpSocket},
    os::{
        fd::{AsFd, AsRawFd},
        unix::net::UnixStream,
    },
    sync::{Arc, atomic::Ordering},
};

use nix::{
    cmsg_space,
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{
        ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt,
        sockopt::{RcvBuf, RxqOvfl},
    },
};

use super::{Ear, Opened, framing::MAX_MESSAGE_BYTES, now};
use crate::spool::{Item, segment::Kind};

/// Datagrams that are spooled at once.
const MAX_AT_ONCE: usize = 256;

/// What the kernel is asked to hold while we are busy, in bytes; it grants what `net.core.rmem_max` allows.
const KERNEL_BYTES: usize = 4 << 20;

/// How long a socket is left alone that cannot be read for want of memory or handles, in milliseconds.
const PAUSE_MILLIS: u8 = 200;

/// Datagrams that were read, one behind the other.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    datagrams: Vec<(IpAddr, std::ops::Range<usize>)>,
}

pub(super) fn open(address: SocketAddr, ear: Arc<Ear>, wake: UnixStream) -> io::Result<Opened> {
    let socket = UdpSocket::bind(address)?;
    setsockopt(&socket, RxqOvfl, &1)?;
    setsockopt(&socket, RcvBuf, &KERNEL_BYTES)?;
    let address = socket.local_addr()?;
    let run = Box::new(move || run(&socket, &ear, &wake));
    Ok(Opened {
        address,
        connections: None,
        run,
    })
}

fn run(socket: &UdpSocket, ear: &Ear, wake: &UnixStream) {
    let mut buffer = vec![0; MAX_MESSAGE_BYTES];
    let mut control = cmsg_space!(u32);
    let mut batch = Batch::default();
    // What the counter of the socket showed; it counts from its opening.
    let mut dropped = 0;
    while wait(socket.as_fd(), wake) {
        while batch.datagrams.len() < MAX_AT_ONCE {
            match receive(socket, &mut buffer, &mut control, &mut batch) {
                Ok(Some(counter)) => {
                    let more = counter.wrapping_sub(dropped);
                    ear.notes
                        .kernel
                        .fetch_add(u64::from(more), Ordering::Relaxed);
                    dropped = counter;
                }
                Ok(None) => {}
                Err(_) => break, // because nothing is there, or an error of an earlier answer of ours
            }
        }
        spool(ear, &mut batch);
    }
}

/// Waits until there is something; whether it is still wanted.
pub(super) fn wait(socket: std::os::fd::BorrowedFd<'_>, wake: &UnixStream) -> bool {
    loop {
        let mut both = [
            PollFd::new(socket, PollFlags::POLLIN),
            PollFd::new(wake.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut both, PollTimeout::NONE) {
            Ok(_) => {
                let [_, wake] = &both;
                return wake.any() != Some(true);
            }
            Err(Errno::EINTR) => {}
            Err(_) => return false, // because such a socket can never be read
        }
    }
}

/// Waits for a moment, or until it is not wanted any more.
pub(super) fn pause(wake: &UnixStream) {
    let mut wake = [PollFd::new(wake.as_fd(), PollFlags::POLLIN)];
    let paused = poll(&mut wake, PollTimeout::from(PAUSE_MILLIS));
    debug_assert!(paused.is_ok() || paused == Err(Errno::EINTR), "{paused:?}");
}

/// Reads one datagram; what the counter of dropped ones shows, if it says.
fn receive(
    socket: &UdpSocket,
    buffer: &mut [u8],
    control: &mut [u8],
    batch: &mut Batch,
) -> nix::Result<Option<u32>> {
    let mut parts = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_DONTWAIT;
    let got = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(control), flags)?;
    let counter = got.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::RxqOvfl(counter) => Some(counter),
        _ => None,
    });
    let v4 = got
        .address
        .and_then(|from| Some(IpAddr::from(from.as_sockaddr_in()?.ip())));
    let v6 = got
        .address
        .and_then(|from| Some(IpAddr::from(from.as_sockaddr_in6()?.ip())));
    let length = got.bytes;
    let peer = v4
        .or(v6)
        .unwrap_or(IpAddr::from([0, 0, 0, 0]))
        .to_canonical();
    let message = buffer.get(..length).unwrap_or_default(); // default: because it was read into it
    let end = message
        .iter()
        .rposition(|byte| !matches!(byte, b'\r' | b'\n' | 0));
    let from = batch.bytes.len();
    batch.bytes.extend_from_slice(
        message
            .get(..end.map_or(0, |end| end + 1))
            .unwrap_or_default(),
    ); // default: likewise
    batch.datagrams.push((peer, from..batch.bytes.len()));
    Ok(counter)
}

fn spool(ear: &Ear, batch: &mut Batch) {
    let items: Vec<Item<'_>> = batch
        .datagrams
        .iter()
        .map(|(peer, range)| Item {
            kind: Kind::Datagram,
            listener: ear.name.as_str(),
            peer: *peer,
            over: 0,
            content: batch.bytes.get(range.clone()).unwrap_or_default(), // default: because it was put there
        })
        .collect();
    if !items.is_empty() && ear.spool.append(&items, now()).is_err() {
        // The spool says why; how many were lost is said here.
        ear.notes
            .spool
            .fetch_add(items.len() as u64, Ordering::Relaxed);
    }
    batch.bytes.clear();
    batch.datagrams.clear();
}

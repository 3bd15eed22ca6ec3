//! A collector in a folder of its own, and what it told.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::mpsc::channel,
    time::{Duration, Instant},
};

use cordon_logs::Logs;
use cordon_logs_edge::{Batch, Collector, SPOOL};
use cordon_model::{Control, Cursor, Fact, Policy, Time, Watched};

/// Longest time that anything here may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Kit {
    pub(crate) dir: PathBuf,
    collector: Option<Collector>,
    /// What a hub would have made durable.
    pub(crate) cursors: BTreeMap<String, Cursor>,
    pub(crate) facts: Vec<(Option<Time>, Fact)>,
}

impl Drop for Kit {
    fn drop(&mut self) {
        drop(self.collector.take());
        drop(fs::remove_dir_all(&self.dir));
    }
}

impl Kit {
    /// `fields` of one listener called `in`.
    pub(crate) fn new(test: &str, fields: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("cordon-intake-{test}-{}", std::process::id()));
        drop(fs::remove_dir_all(&dir));
        fs::create_dir_all(&dir).unwrap();
        Self::at(dir, fields)
    }

    pub(crate) fn at(dir: PathBuf, fields: &str) -> Self {
        let mut kit = Self {
            dir,
            collector: None,
            cursors: BTreeMap::new(),
            facts: Vec::new(),
        };
        kit.start(fields);
        kit
    }

    pub(crate) fn start(&mut self, fields: &str) {
        let opened = Collector::open(&"hub".into(), &self.dir.join("spool"), &self.cursors);
        self.collector = Some(opened.unwrap());
        self.listen(fields);
    }

    pub(crate) fn listen(&mut self, fields: &str) {
        let text = format!("[[logs.listen]]\nname = \"in\"\n{fields}\n");
        let logs = Logs::new(&Policy::new(&text, 1)).unwrap();
        let dir = self.dir.clone();
        self.collector
            .as_mut()
            .unwrap()
            .listen(&logs, &|file: &str| dir.join(file));
    }

    /// Ends it; what was not made durable is forgotten, as by a hub that is killed.
    pub(crate) fn stop(&mut self) {
        drop(self.collector.take());
    }

    /// Where it listens, if that is one place.
    pub(crate) fn address(&self) -> SocketAddr {
        self.addresses()[0]
    }

    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let all = self.collector.as_ref().unwrap().addresses();
        all.into_iter().map(|(_, address)| address).collect()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Collects once; what was told is durable at once if `durable`.
    pub(crate) fn collect(&mut self, durable: bool) {
        let Self {
            collector,
            cursors,
            facts,
            ..
        } = self;
        let collector = collector.as_mut().unwrap();
        let mut new = BTreeMap::new();
        let flow = collector.collect(&mut |Batch { sensed, cursors }| {
            facts.extend(sensed.into_iter().map(|sensed| (sensed.said, sensed.fact)));
            new.extend(cursors);
            ControlFlow::Continue(())
        });
        assert!(flow.is_continue());
        if durable {
            if let Some(cursor) = new.get(SPOOL) {
                collector.durable(cursor);
            }
            cursors.extend(new);
        }
    }

    /// Collects until `done`.
    pub(crate) fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let (_never, pause) = channel::<()>();
        let began = Instant::now();
        loop {
            self.collect(true);
            if done(self) {
                return;
            }
            let told = self
                .facts
                .iter()
                .filter(|(_, fact)| !matches!(fact, Fact::Log(_)));
            assert!(
                began.elapsed() < PATIENCE,
                "never: {what}; {:?}",
                told.collect::<Vec<_>>()
            );
            assert!(pause.recv_timeout(Duration::from_millis(5)).is_err());
        }
    }

    /// Source and text of every line.
    pub(crate) fn lines(&self) -> Vec<(String, String)> {
        let lines = self.facts.iter().filter_map(|(_, fact)| match fact {
            Fact::Log(line) => Some((line.source.to_string(), line.text.to_string())),
            _ => None,
        });
        lines.collect()
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.lines().into_iter().map(|(_, text)| text).collect()
    }

    pub(crate) fn until_lines(&mut self, count: usize) {
        self.until(&format!("{count} lines"), |kit| kit.lines().len() >= count);
    }

    /// What is told as lost of `source`, in all.
    pub(crate) fn lost(&self, source: &str) -> u64 {
        let of = Watched::Source(source.parse().unwrap());
        let gaps = self.facts.iter().filter_map(|(_, fact)| match fact {
            Fact::Gap {
                of: whose, lost, ..
            } if *whose == of => *lost,
            _ => None,
        });
        gaps.sum()
    }

    /// Why `source` cannot look, as it was told last; nothing when it can.
    pub(crate) fn blind(&self, source: &str) -> Option<String> {
        let of = Watched::Source(source.parse().unwrap());
        let told = self.facts.iter().rev().find_map(|(_, fact)| match fact {
            Fact::Blind { of: whose, why } if *whose == of => Some(Some(why.why.to_string())),
            Fact::Pulse { of: whose, .. } if *whose == of => Some(None),
            _ => None,
        });
        told.flatten()
    }
}

/// Lumberjack as its public description has it, for a client of our own: Winlogbeat is not in Debian.
pub(crate) fn window(events: &[String]) -> Vec<u8> {
    let number = |count: usize| u32::try_from(count).unwrap().to_be_bytes();
    let mut frames = Vec::new();
    for (index, event) in events.iter().enumerate() {
        frames.extend(
            [
                b"2J".as_slice(),
                &number(index + 1),
                &number(event.len()),
                event.as_bytes(),
            ]
            .concat(),
        );
    }
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(&frames).unwrap();
    let packed = zlib.finish().unwrap();
    [
        b"2W".as_slice(),
        &number(events.len()),
        b"2C",
        &number(packed.len()),
        &packed,
    ]
    .concat()
}

/// The number of the next acknowledgement.
pub(crate) fn acked(from: &mut impl Read) -> std::io::Result<u32> {
    let mut ack = [0; 6];
    from.read_exact(&mut ack)?;
    let (head, number) = ack.split_at(2);
    assert_eq!(head, b"2A");
    Ok(u32::from_be_bytes(number.try_into().unwrap()))
}

/// An event as Winlogbeat writes it.
pub(crate) fn winlog(host: &str, record: u64, secs: u64) -> String {
    let at = Time::from_millis(1_790_000_000_000 + secs * 1000);
    format!(
        r#"{{"@timestamp":"{at}","message":"event {record}","log":{{"level":"information"}},"winlog":{{"computer_name":"{host}","channel":"Security","event_id":4624,"record_id":{record}}}}}"#
    )
}

/// Makes a certificate authority, a server's certificate and a client's in `dir`.
pub(crate) fn certificates(dir: &Path) {
    let openssl = |args: &str| {
        let mut command = std::process::Command::new("openssl");
        let out = command
            .args(args.split(' '))
            .current_dir(dir)
            .output()
            .expect("openssl runs");
        assert!(
            out.status.success(),
            "{args}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!(
        "req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=ca"
    ));
    fs::write(
        dir.join("san"),
        "subjectAltName=DNS:localhost,IP:127.0.0.1\n",
    )
    .unwrap();
    for who in ["server", "client"] {
        openssl(&format!(
            "req {key} -keyout {who}.key -out {who}.csr -subj /CN={who}"
        ));
        openssl(&format!(
            "x509 -req -in {who}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {who}.pem -days 2 -extfile san"
        ));
    }
}

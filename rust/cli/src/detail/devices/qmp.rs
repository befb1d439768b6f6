// SPDX-License-Identifier: GPL-2.0

//! Short-lived QMP client of QEMU's monitor, for three queries.
//!
//! QMP has one JSON message per line (QEMU's `docs/interop/qmp-spec`). QEMU serves one client per socket at
//! a time, so the connection is short.

use crate::vm::text::printable;
use rustix::{
    io::Errno,
    net::{connect, socket_with, sockopt, AddressFamily, SocketAddrUnix, SocketFlags, SocketType},
};
use serde_json::{json, Value};
use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

/// QEMU answers at once, unless it serves another client.
const PATIENCE: Duration = Duration::from_secs(3);

/// Size limit of a message in bytes.
const LONGEST: u64 = 16 << 20;

/// QEMU's answers about its machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    /// Process of QEMU, if the kernel reports it.
    pub pid: Option<u32>,
    /// `query-pci`.
    pub pci: Value,
    /// `info mtree -f`.
    pub mtree: String,
    /// `info qtree`.
    pub qtree: String,
}

/// Queries the QEMU at a socket.
///
/// # Errors
///
/// No QEMU answers: there is none, it serves another client, or the socket belongs to another program. The
/// text says what to do.
pub fn ask(path: &Path) -> Result<Answers, String> {
    let error = |why: String| format!("{}: {why}", path.display());
    let stream = open(path).map_err(error)?;
    let pid = sockopt::socket_peercred(&stream).ok();
    let mut client = Client {
        reader: BufReader::new(&stream),
        writer: &stream,
    };
    let (pci, mtree, qtree) = client.ask().map_err(error)?;
    Ok(Answers {
        pid: pid.and_then(|peer| u32::try_from(peer.pid.as_raw_pid()).ok()),
        pci,
        mtree,
        qtree,
    })
}

/// Connects with timeouts for connecting and reading.
fn open(path: &Path) -> Result<UnixStream, String> {
    let address = SocketAddrUnix::new(path).map_err(|_| "not a valid socket path".to_owned())?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
    let socket = socket.map_err(|why| why.to_string())?;
    connect(&socket, &address).map_err(|why| match why {
        Errno::NOENT => {
            "no such socket (start QEMU with -qmp unix:PATH,server=on,wait=off)".to_owned()
        }
        Errno::ACCESS | Errno::PERM => {
            "no permission to connect: run exitstat as root, or as the user that QEMU runs as"
                .to_owned()
        }
        Errno::CONNREFUSED => {
            "connection refused: QEMU has ended, or this is not a socket".to_owned()
        }
        Errno::AGAIN => BUSY.to_owned(),
        Errno::PROTOTYPE => "not a QMP socket, but a datagram socket".to_owned(),
        why => why.to_string(),
    })?;
    let stream = UnixStream::from(socket);
    let set = stream
        .set_nonblocking(false)
        .and_then(|()| stream.set_read_timeout(Some(PATIENCE)))
        .and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
    set.map_err(|why| why.to_string())?;
    Ok(stream)
}

const BUSY: &str = "no answer: QEMU serves one client per socket, and another one is connected, such as libvirt (start \
     QEMU with another -qmp)";

const NOT_QMP: &str =
    "not a QMP socket (QEMU's -qmp option creates one; its -monitor and -serial sockets are different)";

/// A QMP session.
struct Client<R, W> {
    reader: R,
    writer: W,
}

impl<R: BufRead, W: Write> Client<R, W> {
    fn ask(&mut self) -> Result<(Value, String, String), String> {
        let greeting = self.read(NOT_QMP)?;
        if greeting.get("QMP").is_none() {
            return Err(NOT_QMP.to_owned());
        }
        self.execute("qmp_capabilities", json!({}))?;
        let pci = self.execute("query-pci", json!({}))?;
        Ok((
            pci,
            self.monitor("info mtree -f")?,
            self.monitor("info qtree")?,
        ))
    }

    /// Executes a command of the human monitor.
    fn monitor(&mut self, line: &str) -> Result<String, String> {
        let answer = self.execute("human-monitor-command", json!({ "command-line": line }))?;
        match answer {
            Value::String(text) => Ok(text),
            _ => Err(format!("QEMU's answer to {line:?} is not text")),
        }
    }

    fn execute(&mut self, command: &str, arguments: Value) -> Result<Value, String> {
        let message = json!({ "execute": command, "arguments": arguments });
        writeln!(self.writer, "{message}").map_err(|why| why.to_string())?;
        loop {
            let mut message = self.read("QEMU's answer is not JSON")?;
            if let Some(answer) = message.get_mut("return") {
                return Ok(answer.take());
            }
            if let Some(error) = message.get("error") {
                let why = error.get("desc").and_then(Value::as_str);
                return Err(format!(
                    "{command}: {}",
                    printable(why.unwrap_or("rejected by QEMU"))
                ));
            }
            // Otherwise it is an event.
        }
    }

    fn read(&mut self, not_json: &str) -> Result<Value, String> {
        let mut line = Vec::new();
        let read = (&mut self.reader)
            .take(LONGEST)
            .read_until(b'\n', &mut line);
        match read {
            Ok(0) => {
                Err("QEMU closed the connection: it has ended, or serves another client".to_owned())
            }
            Ok(_) => serde_json::from_slice(&line).map_err(|_| not_json.to_owned()),
            // A QMP server would have sent the line by now.
            Err(why) if why.kind() == ErrorKind::WouldBlock && line.is_empty() => {
                Err(BUSY.to_owned())
            }
            Err(why) if why.kind() == ErrorKind::WouldBlock => Err(not_json.to_owned()),
            Err(why) => Err(why.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::net::UnixListener, thread};

    const GREETING: &str = r#"{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob"]}}"#;

    fn client(answers: &str) -> Client<&[u8], Vec<u8>> {
        Client {
            reader: answers.as_bytes(),
            writer: Vec::new(),
        }
    }

    #[test]
    fn events_between_answers_are_skipped() {
        let event = r#"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "RESUME"}"#;
        let messages = format!(
            "{GREETING}\r\n{{\"return\": {{}}}}\r\n{event}\r\n{{\"return\": []}}\r\n{event}\r\n\
             {{\"return\": \"FlatView\"}}\r\n{{\"return\": \"bus\"}}\r\n"
        );
        let mut client = client(&messages);
        let answers = client.ask().unwrap();
        assert_eq!(
            answers,
            (json!([]), "FlatView".to_owned(), "bus".to_owned())
        );
        let said = String::from_utf8(client.writer).unwrap();
        assert_eq!(said.lines().count(), 4);
        assert!(
            said.starts_with(r#"{"arguments":{},"execute":"qmp_capabilities"}"#),
            "{said}"
        );
    }

    #[test]
    fn what_is_no_qmp_is_refused() {
        for (answers, error) in [
            ("QEMU 7.2.22 monitor - type 'help' for more information\r\n", "not a QMP socket"),
            ("{}\n", "not a QMP socket"),
            ("", "closed the connection"),
            (
                &format!("{GREETING}\n{{\"error\": {{\"class\": \"CommandNotFound\", \"desc\": \"no\"}}}}\n"),
                "qmp_capabilities: no",
            ),
            (&format!("{GREETING}\n{{\"return\": {{}}}}\nnonsense\n"), "not JSON"),
        ] {
            let why = client(answers).ask().unwrap_err();
            assert!(why.contains(error), "{why}");
        }
    }

    #[test]
    fn errors_of_sockets_say_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        assert!(ask(&path).unwrap_err().contains("no such socket"));
        let listener = UnixListener::bind(&path).unwrap();
        drop(listener);
        assert!(ask(&path).unwrap_err().contains("connection refused"));
        fs::remove_file(&path).unwrap();
        // Like QEMU while it serves another client: it listens but does not accept.
        let _listener = UnixListener::bind(&path).unwrap();
        assert!(ask(&path).unwrap_err().contains("one client per socket"));
        fs::remove_file(&path).unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        let monitor = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"login: ").unwrap();
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest);
        });
        assert!(ask(&path).unwrap_err().contains("not a QMP socket"));
        monitor.join().unwrap();
    }
}

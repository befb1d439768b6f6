// SPDX-License-Identifier: GPL-2.0

//! Exporters, and a Prometheus that scrapes them, from Debian's package `prometheus`.

// Not every test uses everything.
#![allow(dead_code)]

use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// A process that must not outlive its test.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn exitstat() -> Command {
    Command::new(env!("CARGO_BIN_EXE_exitstat"))
}

pub fn contrib(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../contrib")
        .join(name)
}

/// Runs a program of the package `prometheus`.
pub fn run(command: &mut Command) -> Output {
    let output = command.output();
    output.unwrap_or_else(|error| {
        panic!("{command:?}: {error}; scripts/preflight.sh names its package")
    })
}

pub fn promtool(arguments: &[&str], input: &[u8]) -> Output {
    let child = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.expect("promtool, of Debian's package prometheus");
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// Starts an exporter of a recording, and returns its address.
pub fn exporter(recording: &Path, options: &[&str]) -> (Running, SocketAddr) {
    let (exporter, address, _) = exporter_with_messages(recording, options);
    (exporter, address)
}

/// Like [`exporter`], also returning what it writes to standard error after the address.
pub fn exporter_with_messages(
    recording: &Path,
    options: &[&str],
) -> (Running, SocketAddr, mpsc::Receiver<String>) {
    let mut child = exitstat()
        .args(["export", "--listen", "127.0.0.1:0", "--from"])
        .arg(recording)
        .args(options)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let (address_is, address) = mpsc::channel();
    let (message, messages) = mpsc::channel();
    thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            let address = line.split_once("://").map(|(_, address)| address);
            match address.and_then(|rest| rest.strip_suffix("/metrics")) {
                Some(address) => address_is.send(address.parse().unwrap()).unwrap(),
                None => {
                    eprintln!("{line}");
                    // Not every test reads them.
                    let _ = message.send(line);
                }
            }
        }
    });
    (Running(child), address.recv().unwrap(), messages)
}

/// Sends a request, and returns the head and the body of the response.
pub fn request(address: SocketAddr, method: &str, path: &str, accept: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let accept = if accept.is_empty() {
        String::new()
    } else {
        format!("Accept: {accept}\r\n")
    };
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: x\r\n{accept}\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("{answer}"));
    (head.to_owned(), body.to_owned())
}

pub fn metrics(address: SocketAddr) -> String {
    request(address, "GET", "/metrics", "").1
}

/// Returns the value of a series as text.
pub fn value<'a>(metrics: &'a str, series: &str) -> Option<&'a str> {
    metrics
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
}

/// A running Prometheus.
pub struct Prometheus {
    _server: Running,
    address: SocketAddr,
}

impl Prometheus {
    /// Starts a server with all rules. `scrape` is the rest of its configuration, from `scrape_configs` on.
    pub fn start(directory: &Path, scrape: &str) -> Self {
        let rules = fs::canonicalize(contrib("prometheus")).unwrap();
        let config = directory.join("prometheus.yml");
        fs::write(
            &config,
            format!(
                "global: {{scrape_interval: 100ms, evaluation_interval: 200ms}}\n\
                 rule_files: ['{}/*.rules.yml']\n{scrape}",
                rules.display()
            ),
        )
        .unwrap();
        // Prometheus does not report its port, so the test chooses one. Another process may take it first.
        for _ in 0..5 {
            let free = TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap();
            let mut child = Command::new("prometheus")
                .arg(format!("--config.file={}", config.display()))
                .arg(format!(
                    "--storage.tsdb.path={}",
                    directory.join("data").display()
                ))
                .arg(format!("--web.listen-address={free}"))
                .arg("--log.level=error")
                .spawn()
                .expect("prometheus, of Debian's package of this name");
            for _ in 0..600 {
                if child.try_wait().unwrap().is_some() {
                    break;
                }
                if TcpStream::connect(free).is_ok() {
                    return Self {
                        _server: Running(child),
                        address: free,
                    };
                }
                thread::sleep(Duration::from_millis(50));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        panic!("Prometheus does not start");
    }

    /// Returns the result of a query now, or the error in the query.
    pub fn query(&self, query: &str) -> Result<Vec<Value>, String> {
        self.query_at(query, None)
    }

    /// Like [`Self::query`], at a time in seconds since 1970.
    pub fn query_at(&self, query: &str, time: Option<f64>) -> Result<Vec<Value>, String> {
        let escaped: Vec<_> = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let escaped = escaped.concat();
        let time = time.map_or(String::new(), |time| format!("&time={time}"));
        let Some(answer) = self.get(&format!("/api/v1/query?query={escaped}{time}")) else {
            return Ok(Vec::new());
        };
        if answer["status"] == "success" {
            Ok(answer["data"]["result"]
                .as_array()
                .cloned()
                .unwrap_or_default())
        } else {
            Err(format!("{query}: {answer}"))
        }
    }

    /// Returns a response of the API; `None` while the server starts.
    pub fn get(&self, path: &str) -> Option<Value> {
        let (_, body) = request(self.address, "GET", path, "");
        serde_json::from_str(&body).ok()
    }

    /// Repeats a query until its result satisfies a condition.
    pub fn poll(&self, query: &str, is: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let mut last = Vec::new();
        for _ in 0..600 {
            last = self.query(query).unwrap();
            if is(&last) {
                return last;
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!("{query}: {last:#?}");
    }
}

/// Returns the value of a result.
pub fn number(result: &Value) -> f64 {
    result["value"][1].as_str().unwrap().parse().unwrap()
}

/// Returns all queries of the dashboard, with its variables replaced.
pub fn queries(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    panels
        .flat_map(|panel| panel["targets"].as_array().cloned().unwrap_or_default())
        .map(|target| {
            let query = target["expr"].as_str().unwrap();
            let query = query
                .replace("$__rate_interval", "10s")
                .replace("$__range", "1m");
            ["$instance", "$vm", "$reason"]
                .iter()
                .fold(query, |q, variable| q.replace(variable, ".*"))
        })
        .collect()
}

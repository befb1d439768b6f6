// SPDX-License-Identifier: GPL-2.0

//! Answers requests for metrics.

use super::{Format, Metrics};
use crate::error::Error;
use std::{
    io,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    thread,
};
use tiny_http::{Header, Method, Request, Response, Server};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const PAGE: &str = "<!doctype html><title>exitstat</title><p><a href=\"/metrics\">Metrics</a>\n";

/// Requests that are answered at a time: snapshots are taken one after another, but somebody who is
/// slow to read a long answer must not keep the others waiting.
const WORKERS: usize = 4;

/// Answers until the process is ended.
///
/// # Errors
///
/// The address cannot be had.
pub fn serve(
    address: SocketAddr,
    metrics: impl FnMut() -> Result<Metrics, Error> + Send,
) -> Result<(), Error> {
    let failed = |source: io::Error| Error::io(format!("cannot listen on {address}"))(source);
    let server = Server::http(address).map_err(|error| failed(io::Error::other(error)))?;
    anstream::eprintln!(
        "exitstat: metrics are at http://{}/metrics",
        server.server_addr()
    );
    let metrics = Mutex::new(metrics);
    thread::scope(|scope| {
        let worker = || -> io::Result<()> {
            loop {
                let request = server.recv()?;
                let response = answer(&request, || {
                    let mut metrics = metrics.lock().unwrap_or_else(PoisonError::into_inner);
                    metrics()
                });
                // Whoever asked has gone; the next one will ask.
                let _ = request.respond(response);
            }
        };
        let workers: [_; WORKERS] = std::array::from_fn(|_| scope.spawn(worker));
        for worker in workers {
            match worker.join() {
                Ok(ended) => ended.map_err(failed)?,
                Err(_) => return Err(Error::Failed("answering a request panicked".to_owned())),
            }
        }
        Ok(())
    })
}

type Answer = Response<io::Cursor<Vec<u8>>>;

fn answer(request: &Request, metrics: impl FnOnce() -> Result<Metrics, Error>) -> Answer {
    if !matches!(request.method(), Method::Get | Method::Head) {
        return text(405, TEXT, "only GET and HEAD\n");
    }
    // What comes after a question mark is of no matter.
    match request.url().split('?').next() {
        Some("/metrics") => {
            let accept = request.headers().iter().find(|h| h.field.equiv("Accept"));
            let format = accepted(accept.map_or("", |header| header.value.as_str()));
            match metrics().and_then(|metrics| Ok(metrics.encode(format)?)) {
                Ok(body) if format == Format::OpenMetrics => text(200, OPENMETRICS, body),
                Ok(body) => text(200, TEXT, body),
                Err(error) => {
                    anstream::eprintln!("exitstat: {error}");
                    text(503, TEXT, format!("{error}\n"))
                }
            }
        }
        Some("/") => text(200, HTML, PAGE),
        _ => text(404, TEXT, "there is only /metrics\n"),
    }
}

/// The format that a request prefers, of the two. Prometheus lists what it reads, best first, so
/// OpenMetrics is to be had by whoever names it and does not rule it out.
fn accepted(accept: &str) -> Format {
    let named = accept.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        kind.eq_ignore_ascii_case("application/openmetrics-text")
            && !parts.any(|part| matches!(part, "q=0" | "q=0.0"))
    });
    if named {
        Format::OpenMetrics
    } else {
        Format::Text
    }
}

fn text(status: u16, kind: &str, body: impl Into<String>) -> Answer {
    let response = Response::from_string(body).with_status_code(status);
    match Header::from_bytes("Content-Type", kind) {
        Ok(header) => response.with_header(header),
        Err(()) => response,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_names_openmetrics_gets_it() {
        for (accept, format) in [
            ("", Format::Text),
            ("*/*", Format::Text),
            ("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", Format::Text),
            (
                "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
                Format::OpenMetrics,
            ),
            (
                "text/plain;q=0.5, application/openmetrics-text; version=0.0.1; q=0.75",
                Format::OpenMetrics,
            ),
            ("application/openmetrics-text;q=0", Format::Text),
        ] {
            assert_eq!(accepted(accept), format, "{accept}");
        }
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Answers requests for metrics.

use super::{Format, Metrics};
use crate::error::Error;
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    header::{ACCEPT, ALLOW, CONTENT_TYPE},
    server::conn::http1,
    service::service_fn,
    Method, Request, Response, StatusCode,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{cell::RefCell, convert::Infallible, io, net::SocketAddr, rc::Rc, time::Duration};
use tokio::{net::TcpListener, runtime, task, time};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const PAGE: &str = "<!doctype html><title>exitstat</title><p><a href=\"/metrics\">Metrics</a>\n";

/// A connection that does not ask for so long is closed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Answers until the process is ended.
///
/// One thread is enough: a snapshot takes well under a millisecond, and nobody is waited for, be it
/// for a request or until an answer is read.
///
/// # Errors
///
/// The address cannot be had.
pub fn serve(
    address: SocketAddr,
    metrics: impl FnMut() -> Result<Metrics, Error> + 'static,
) -> Result<(), Error> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let listened = runtime.and_then(|runtime| {
        let metrics = Rc::new(RefCell::new(metrics));
        task::LocalSet::new().block_on(&runtime, listen(address, &metrics))
    });
    listened.map_err(Error::io(format!("cannot listen on {address}")))
}

async fn listen<M>(address: SocketAddr, metrics: &Rc<RefCell<M>>) -> io::Result<()>
where
    M: FnMut() -> Result<Metrics, Error> + 'static,
{
    let listener = TcpListener::bind(address).await?;
    crate::say!(
        "exitstat: metrics are at http://{}/metrics",
        listener.local_addr()?
    );
    loop {
        // Out of file descriptors, or the client has gone already.
        let Ok((stream, _)) = listener.accept().await else {
            time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let metrics = Rc::clone(metrics);
        task::spawn_local(async move {
            let answer = service_fn(|request| {
                let answer = answer(&request, || metrics.borrow_mut()());
                std::future::ready(Ok::<_, Infallible>(answer))
            });
            let mut connection = http1::Builder::new();
            connection
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE);
            // Whoever asked wrongly, or has gone, is not of interest.
            let _ = connection
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

type Answer = Response<Full<Bytes>>;

fn answer(request: &Request<Incoming>, metrics: impl FnOnce() -> Result<Metrics, Error>) -> Answer {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD\n");
        let allowed = hyper::header::HeaderValue::from_static("GET, HEAD");
        answer.headers_mut().insert(ALLOW, allowed);
        return answer;
    }
    match request.uri().path() {
        "/metrics" => {
            let accept = request.headers().get(ACCEPT);
            let accept = accept.and_then(|value| value.to_str().ok());
            let format = accepted(accept.unwrap_or_default());
            match metrics().and_then(|metrics| Ok(metrics.encode(format)?)) {
                Ok(body) if format == Format::OpenMetrics => {
                    text(StatusCode::OK, OPENMETRICS, body)
                }
                Ok(body) => text(StatusCode::OK, TEXT, body),
                Err(error) => {
                    crate::say!("exitstat: {error}");
                    text(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{error}\n"))
                }
            }
        }
        "/" => text(StatusCode::OK, HTML, PAGE),
        _ => text(StatusCode::NOT_FOUND, TEXT, "there is only /metrics\n"),
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

fn text(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
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

// SPDX-License-Identifier: GPL-2.0

//! The HTTP server.

use super::{
    web::{Demands, Web},
    Format, Metrics,
};
use crate::{cli::Listen, error::Error};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    header::{ACCEPT, ALLOW, AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE},
    server::conn::http1,
    service::service_fn,
    Method, Request, Response, StatusCode,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::{io::Errno, net::sockopt::set_ipv6_v6only};
use std::{
    cell::RefCell,
    collections::BTreeSet,
    convert::Infallible,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs},
    rc::Rc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream},
    runtime, task, time,
};
use tokio_rustls::TlsAcceptor;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const PAGE: &str = "<!doctype html><title>exitstat</title><p><a href=\"/metrics\">Metrics</a>\n";

/// Idle time after which a connection is closed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Length of the queue of connections that are not accepted yet.
const BACKLOG: u32 = 1024;

/// Answers requests until the process ends.
///
/// One thread is enough: a snapshot takes well under a millisecond, and slow clients do not block others.
///
/// # Errors
///
/// The name is unknown, or the address cannot be bound.
pub fn serve(
    listen: &Listen,
    web: Web,
    metrics: impl FnMut() -> Result<Metrics, Error> + 'static,
) -> Result<(), Error> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let served = runtime.and_then(|runtime| {
        let (web, metrics) = (Rc::new(web), Rc::new(RefCell::new(metrics)));
        let scheme = if web.has_tls() { "https" } else { "http" };
        let local = task::LocalSet::new();
        local.block_on(&runtime, async {
            for listener in listeners(listen)? {
                crate::say!(
                    "exitstat: metrics are at {scheme}://{}/metrics",
                    listener.local_addr()?
                );
                task::spawn_local(accept(listener, Rc::clone(&web), Rc::clone(&metrics)));
            }
            std::future::pending().await
        })
    });
    served.map_err(Error::io(format!("cannot listen on {listen}")))
}

/// Listens on each address of `--listen`.
fn listeners(listen: &Listen) -> io::Result<Vec<TcpListener>> {
    let (name, port) = match listen {
        Listen::At(address) => return Ok(vec![bind(*address)?]),
        Listen::Anywhere(port) => return Ok(vec![anywhere(*port)?]),
        Listen::Name(name, port) => (name.as_str(), *port),
    };
    let addresses: BTreeSet<_> = (name, port).to_socket_addrs()?.collect();
    let (mut listeners, mut why) = (Vec::<TcpListener>::new(), None);
    for mut address in addresses {
        // All addresses share one free port.
        if let (0, Some(first)) = (port, listeners.first()) {
            address.set_port(first.local_addr()?.port());
        }
        match bind(address) {
            Ok(listener) => listeners.push(listener),
            // A name may have an IPv6 address where the host has no IPv6.
            Err(error) if is_not_here(&error) => why = Some(error),
            Err(error) => return Err(error),
        }
    }
    match why {
        Some(why) if listeners.is_empty() => Err(why),
        _ if listeners.is_empty() => Err(io::Error::other("the name has no address")),
        _ => Ok(listeners),
    }
}

/// Listens on an address.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    };
    listen_on(socket?, address)
}

/// Listens on all addresses: IPv6 and IPv4, or IPv4 on a host without IPv6.
fn anywhere(port: u16) -> io::Result<TcpListener> {
    let both = TcpSocket::new_v6().and_then(|socket| {
        // Overrides net.ipv6.bindv6only.
        set_ipv6_v6only(&socket, false)?;
        listen_on(socket, (Ipv6Addr::UNSPECIFIED, port).into())
    });
    match both {
        Err(error) if is_not_here(&error) => bind((Ipv4Addr::UNSPECIFIED, port).into()),
        both => both,
    }
}

fn listen_on(socket: TcpSocket, address: SocketAddr) -> io::Result<TcpListener> {
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Returns whether the host lacks this address or its family.
fn is_not_here(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT))
}

/// Accepts connections.
async fn accept<M>(listener: TcpListener, web: Rc<Web>, metrics: Rc<RefCell<M>>)
where
    M: FnMut() -> Result<Metrics, Error> + 'static,
{
    loop {
        // Out of file descriptors, or the client closed the connection.
        let Ok((stream, _)) = listener.accept().await else {
            time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (web, metrics) = (Rc::clone(&web), Rc::clone(&metrics));
        task::spawn_local(async move {
            if let Some(demands) = web.demands() {
                connection(stream, demands, metrics).await;
            }
        });
    }
}

/// Answers the requests of a connection.
async fn connection<M>(stream: TcpStream, demands: Demands, metrics: Rc<RefCell<M>>)
where
    M: FnMut() -> Result<Metrics, Error> + 'static,
{
    match demands.tls.clone() {
        None => requests(stream, &demands, metrics).await,
        Some(tls) => {
            let handshake = TlsAcceptor::from(tls).accept(stream);
            if let Ok(Ok(stream)) = time::timeout(PATIENCE, handshake).await {
                requests(stream, &demands, metrics).await;
            }
        }
    }
}

async fn requests<M>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    demands: &Demands,
    metrics: Rc<RefCell<M>>,
) where
    M: FnMut() -> Result<Metrics, Error> + 'static,
{
    let answer = service_fn(|request: Request<Incoming>| {
        let metrics = Rc::clone(&metrics);
        async move {
            let authorization = request.headers().get(AUTHORIZATION);
            let authorization = authorization.and_then(|value| value.to_str().ok());
            Ok::<_, Infallible>(match demands.allow(authorization).await {
                true => answer(&request, || metrics.borrow_mut()()),
                false => unauthorized(),
            })
        }
    });
    let mut connection = http1::Builder::new();
    connection
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE);
    // Invalid requests and closed connections are the client's problem.
    let _ = connection
        .serve_connection(TokioIo::new(stream), answer)
        .await;
}

type Answer = Response<Full<Bytes>>;

fn answer(request: &Request<Incoming>, metrics: impl FnOnce() -> Result<Metrics, Error>) -> Answer {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, TEXT, "use GET or HEAD\n");
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
        _ => text(StatusCode::NOT_FOUND, TEXT, "not found; see /metrics\n"),
    }
}

fn unauthorized() -> Answer {
    let mut answer = text(
        StatusCode::UNAUTHORIZED,
        TEXT,
        "user name and password required\n",
    );
    let basic = hyper::header::HeaderValue::from_static("Basic realm=\"exitstat\"");
    answer.headers_mut().insert(WWW_AUTHENTICATE, basic);
    answer
}

/// Returns the format for a request. Prometheus lists its formats by preference, so a client that lists
/// OpenMetrics gets it, unless its weight is 0.
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

//! `flowglass serve`: receives OTLP until it is stopped, and keeps it in the store.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use flowglass::config::Config;
use flowglass::server::{Receiver, ReceiverBuilder, ReceiverStats, ServeError, ServeErrorKind};
use flowglass::store::Store;
use flowglass::term::quantity;

use crate::arguments::StoreArgument;
use crate::configuration;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::signals::Signals;

/// How long requests that have begun may take when it is stopped.
const LAST_REQUESTS: Duration = Duration::from_secs(10);
/// What stands for an address where nothing shall listen.
const OFF: &str = "off";

#[derive(Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    store: StoreArgument,
    /// Where OTLP over HTTP is received: `host:port`, a port of this machine, or `off` [default: `serve.http`, 4318].
    #[arg(long, value_name = "ADDR")]
    otlp_http: Option<String>,
    /// Where OTLP over gRPC is received: `host:port`, a port of this machine, or `off` [default: `serve.grpc`, 4317].
    #[arg(long, value_name = "ADDR")]
    otlp_grpc: Option<String>,
    /// One more address; like the others, it understands both.
    #[arg(long, value_name = "ADDR")]
    listen: Vec<String>,
    /// What senders must say in the header `Authorization: Bearer TOKEN`; needed where other machines can send.
    #[arg(long, value_name = "TOKEN", env = "FLOWGLASS_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The certificate to speak TLS with, and those that vouch for it (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Say nothing but what goes wrong.
    #[arg(short, long)]
    quiet: bool,
}

pub(crate) fn run(arguments: &ServeArguments, printer: &mut Printer) -> Result<ExitCode, Failure> {
    let config = configuration::load()?;
    config.warnings().iter().for_each(|warning| printer.note(&format!("warning: {warning}")));
    let store = arguments.store.any_or_new()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::run(format!("no async runtime: {error}")))?;
    // Before anything listens, so that no signal is missed.
    let mut signals = runtime.block_on(async { Signals::listen() });
    let tell = Printer::new(printer.color());
    let sink = config.cleaning(store.sink(config.sink_options())?);
    let receiver = builder(arguments, &config).on_notice(move |notice| tell.note(&format!("warning: {notice}"))).start(sink);
    let receiver = receiver.map_err(|error| not_started(&error))?;
    if !arguments.quiet {
        printer.note(&welcome(&*store, &receiver, arguments.tls_cert.is_some()));
    }
    let stats = runtime.block_on(async {
        signals.next().await;
        signals.exit();
        tokio::task::spawn_blocking(|| receiver.stop(LAST_REQUESTS)).await
    });
    let stats = stats.map_err(Failure::run)?.map_err(Failure::run)?;
    if !arguments.quiet {
        printer.note(&farewell(&stats));
    }
    Ok(ExitCode::SUCCESS)
}

fn builder(arguments: &ServeArguments, config: &Config) -> ReceiverBuilder {
    let mut builder = Receiver::builder();
    let configured = |name: &str| config.text(name).unwrap_or_default();
    let http = arguments.otlp_http.clone().unwrap_or_else(|| configured("serve.http"));
    let grpc = arguments.otlp_grpc.clone().unwrap_or_else(|| configured("serve.grpc"));
    builder = if http == OFF { builder.without_http() } else { builder.http(&http) };
    builder = if grpc == OFF { builder.without_grpc() } else { builder.grpc(&grpc) };
    builder = arguments.listen.iter().fold(builder, |builder, address| builder.listen(address));
    if let (Some(certificate), Some(key)) = (&arguments.tls_cert, &arguments.tls_key) {
        builder = builder.tls(certificate, key);
    }
    let token = arguments.token.clone().filter(|token| !token.is_empty()).or_else(|| config.text("serve.token"));
    match token {
        Some(token) => builder.token(&token),
        None => builder,
    }
}

fn not_started(error: &ServeError) -> Failure {
    let hint = match error.kind() {
        ServeErrorKind::InUse => "; `--otlp-http` and `--otlp-grpc` take another port, or `off`",
        ServeErrorKind::Unprotected => " (`--token` or FLOWGLASS_TOKEN)",
        _ => "",
    };
    Failure::usage(format!("{error}{hint}"))
}

fn welcome(store: &dyn Store, receiver: &Receiver, is_encrypted: bool) -> String {
    let mut text = format!("receiving OTLP into {}", store.location());
    let scheme = if is_encrypted { "https" } else { "http" };
    let mut line = |what: &str, addresses: &[SocketAddr]| {
        for address in addresses.iter().take(1) {
            let _ = write!(text, "\n  {what}  {scheme}://{address}");
        }
    };
    line("HTTP", receiver.http_addresses());
    line("gRPC", receiver.grpc_addresses());
    receiver.more_addresses().iter().for_each(|address| line("both", &[*address]));
    text
}

fn farewell(stats: &ReceiverStats) -> String {
    let taken = [(stats.taken.spans, "span"), (stats.taken.points, "data point"), (stats.taken.logs, "log record")];
    let some = taken.into_iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = some.map(|(count, what)| quantity::counted(count, what)).collect();
    let parts = if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") };
    format!("stopped: {parts} in {}", quantity::counted(stats.taken_requests, "request"))
}

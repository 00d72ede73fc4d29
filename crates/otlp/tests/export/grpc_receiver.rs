//! A receiver of gRPC: the services that others generate from OTLP's definition, with answers that a test gives.
//!
//! These, and no finished server: the package registries carry no collector, and Phoenix, the server there that is kept well and speaks
//! OTLP, takes traces only.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{MetricsService, MetricsServiceServer};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tokio::sync::oneshot;
use tonic::codec::CompressionEncoding;
use tonic::{Request, Response, Status};

/// What arrived, and what is answered.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) traces: Mutex<Vec<ExportTraceServiceRequest>>,
    pub(crate) metrics: Mutex<Vec<ExportMetricsServiceRequest>>,
    pub(crate) logs: Mutex<Vec<ExportLogsServiceRequest>>,
    pub(crate) metadata: Mutex<Vec<tonic::metadata::MetadataMap>>,
    /// Answers to traces, in order; then all is taken.
    pub(crate) answers: Mutex<VecDeque<Result<ExportTraceServiceResponse, Status>>>,
}

/// A receiver that runs until it is dropped.
pub(crate) struct GrpcReceiver {
    pub(crate) address: String,
    pub(crate) seen: Arc<Seen>,
    _stop: oneshot::Sender<()>,
}

struct Service(Arc<Seen>);

impl GrpcReceiver {
    pub(crate) fn start(answers: Vec<Result<ExportTraceServiceResponse, Status>>) -> Self {
        let seen = Arc::new(Seen { answers: Mutex::new(answers.into()), ..Seen::default() });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = format!("otlp://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        let service = Arc::clone(&seen);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve(listener, service, stopped));
        });
        Self { address, seen, _stop: stop }
    }
}

/// Says that some spans were left out.
pub(crate) fn partial(rejected_spans: i64, message: &str) -> ExportTraceServiceResponse {
    let partial = ExportTracePartialSuccess { rejected_spans, error_message: message.into() };
    ExportTraceServiceResponse { partial_success: Some(partial) }
}

async fn serve(listener: std::net::TcpListener, seen: Arc<Seen>, stopped: oneshot::Receiver<()>) {
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(tokio::net::TcpListener::from_std(listener).unwrap());
    let (gzip, zstd) = (CompressionEncoding::Gzip, CompressionEncoding::Zstd);
    let traces = TraceServiceServer::new(Service(Arc::clone(&seen))).accept_compressed(gzip).accept_compressed(zstd);
    let metrics = MetricsServiceServer::new(Service(Arc::clone(&seen))).accept_compressed(gzip).accept_compressed(zstd);
    let logs = LogsServiceServer::new(Service(seen)).accept_compressed(gzip).accept_compressed(zstd);
    let server = tonic::transport::Server::builder().add_service(traces).add_service(metrics).add_service(logs);
    let stopped = async { drop(stopped.await) };
    server.serve_with_incoming_shutdown(incoming, stopped).await.unwrap();
}

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.metadata.lock().unwrap().push(request.metadata().clone());
        let answer = self.0.answers.lock().unwrap().pop_front().unwrap_or_else(|| Ok(ExportTraceServiceResponse::default()))?;
        self.0.traces.lock().unwrap().push(request.into_inner());
        Ok(Response::new(answer))
    }
}

#[tonic::async_trait]
impl MetricsService for Service {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.0.metrics.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Service {
    async fn export(&self, request: Request<ExportLogsServiceRequest>) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.0.logs.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

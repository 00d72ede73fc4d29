//! Exporters against real servers: gRPC by tonic, HTTP by hyper, TLS by rustls.

mod batches;
mod grpc;
mod grpc_receiver;
mod http;
mod http_receiver;
mod outage;
mod proxy;
mod secure;
mod upstream;

//! An S3 server on a local directory, for tests: `s3-server DIRECTORY ACCESS-KEY SECRET-KEY`.
//!
//! It listens on a free port, prints its address as its first line, and ends when its standard input does,
//! so that it never outlives the test that started it.

use std::error::Error;
use std::io::Write as _;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [directory, access_key, secret_key] = args.as_slice() else {
        return Err("usage: s3-server DIRECTORY ACCESS-KEY SECRET-KEY".into());
    };
    let files = s3s_fs::FileSystem::new(directory).map_err(|error| format!("{error:?}"))?;
    let mut service = S3ServiceBuilder::new(files);
    service.set_auth(SimpleAuth::from_single(
        access_key.clone(),
        secret_key.clone(),
    ));
    let service = service.build();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut out = std::io::stdout();
    writeln!(out, "http://{}", listener.local_addr()?)?;
    out.flush()?;
    let mut input = tokio::io::stdin();
    let mut byte = [0];
    loop {
        tokio::select! {
            read = input.read(&mut byte) => if read? == 0 { return Ok(()); },
            accepted = listener.accept() => {
                let (socket, _) = accepted?;
                let connection = Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(socket), service.clone())
                    .into_owned();
                tokio::spawn(async move { drop(connection.await) });
            }
        }
    }
}

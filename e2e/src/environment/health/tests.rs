//! What counts as an answer: the one that was asked for, given to the development user.

use std::net::TcpListener;
use std::thread::JoinHandle;

use super::*;

/// A server of one connection that answers `answer`, and what it was asked.
fn server(answer: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = String::new();
        while !asked.ends_with("\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            asked.push(char::from(byte[0]));
        }
        stream.write_all(answer.as_bytes()).unwrap();
        asked
    });
    (address, asked)
}

#[test]
fn asks_clickhouse_as_its_user() {
    let (address, asked) = server("HTTP/1.0 200 OK\r\n\r\n1\n");
    Health::ClickHouse { address }.check().unwrap();
    let asked = asked.join().unwrap();
    assert!(
        asked.contains("/?query=SELECT+1 ") && asked.contains("X-ClickHouse-Key: tributary-development\r\n"),
        "{asked}"
    );
}

#[test]
fn a_clickhouse_that_refuses_the_password_is_not_healthy() {
    let (address, asked) =
        server("HTTP/1.0 403 Forbidden\r\n\r\nCode: 516. DB::Exception: Authentication failed\n");
    let error = Health::ClickHouse { address }.check().unwrap_err();
    assert!(error.to_string().contains("Code: 516"), "{error:#}");
    asked.join().unwrap();
}

//! Sets and takes away SCRAM users of a broker, with the one request that librdkafka's Rust client does not have.
//!
//! In: the broker's open door, a user, a password or none. Out: the broker's word that it is so. Kafka protocol,
//! AlterUserScramCredentials version 0 (KIP-554). Not here: anything else of the protocol.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use hmac::{Hmac, Mac};
use sha2::Sha512;

const API_KEY: i16 = 51;
const SCRAM_SHA_512: u8 = 2;
const ITERATIONS: u32 = 4096;
/// The same for everybody: these passwords guard nothing.
const SALT: &[u8] = b"a salt of tests and no secret";
const PATIENCE: Duration = Duration::from_secs(20);
/// No tagged fields follow.
const NO_TAGS: u8 = 0;

/// Sets the password of a user, or takes the user away.
pub(super) fn alter(broker: &str, user: &str, password: Option<&str>) -> Result<()> {
    let mut body = Vec::new();
    match password {
        Some(password) => {
            body.push(length(0)?);
            body.push(length(1)?);
            bytes(&mut body, user.as_bytes())?;
            body.push(SCRAM_SHA_512);
            body.extend(ITERATIONS.to_be_bytes());
            bytes(&mut body, SALT)?;
            bytes(&mut body, &salted(password)?)?;
            body.push(NO_TAGS);
        }
        None => {
            body.push(length(1)?);
            bytes(&mut body, user.as_bytes())?;
            body.extend([SCRAM_SHA_512, NO_TAGS]);
            body.push(length(0)?);
        }
    }
    body.push(NO_TAGS);
    let answer = ask(broker, &body).with_context(|| format!("changing the user {user} of {broker}"))?;
    // Correlation id, tags, throttle time, then one result: its user's name and a code.
    let at = 4 + 1 + 4 + 1 + 1 + user.len();
    let code = answer.get(at..at + 2).context("the broker's answer is too short")?;
    ensure!(code == [0, 0], "the broker refuses to change the user {user}: code {code:?}");
    Ok(())
}

fn ask(broker: &str, body: &[u8]) -> Result<Vec<u8>> {
    let mut request = Vec::new();
    request.extend(API_KEY.to_be_bytes());
    request.extend(0_i16.to_be_bytes());
    request.extend(1_i32.to_be_bytes());
    request.extend(0_i16.to_be_bytes());
    request.push(NO_TAGS);
    request.extend(body);
    let mut stream = TcpStream::connect(broker)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&u32::try_from(request.len())?.to_be_bytes())?;
    stream.write_all(&request)?;
    let mut size = [0; 4];
    stream.read_exact(&mut size)?;
    let mut answer = vec![0; usize::try_from(u32::from_be_bytes(size))?];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

/// One more than a length, as compact forms have it; nothing here is longer than one byte tells.
fn length(length: usize) -> Result<u8> {
    match u8::try_from(length + 1) {
        Ok(told) if told < 0x80 => Ok(told),
        _ => bail!("{length} bytes are too many for a name or a password"),
    }
}

fn bytes(body: &mut Vec<u8>, bytes: &[u8]) -> Result<()> {
    body.push(length(bytes.len())?);
    body.extend(bytes);
    Ok(())
}

/// PBKDF2 with HMAC-SHA-512, of which SCRAM takes one block.
fn salted(password: &str) -> Result<Vec<u8>> {
    let hash = |text: &[&[u8]]| -> Result<Vec<u8>> {
        let mut mac = Hmac::<Sha512>::new_from_slice(password.as_bytes())?;
        text.iter().for_each(|part| mac.update(part));
        Ok(mac.finalize().into_bytes().to_vec())
    };
    let mut last = hash(&[SALT, &1_u32.to_be_bytes()])?;
    let mut all = last.clone();
    for _ in 1..ITERATIONS {
        last = hash(&[&last])?;
        all.iter_mut().zip(&last).for_each(|(all, last)| *all ^= last);
    }
    Ok(all)
}

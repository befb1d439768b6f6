// SPDX-License-Identifier: GPL-2.0

//! Verification of passwords.
//!
//! Checking a bcrypt hash takes tens of milliseconds by design. This happens in another thread, one hash at
//! a time, so that guessing neither blocks scrapes nor occupies more than one CPU. Verified passwords are
//! remembered.

use super::file::Users;
use base64::{engine::general_purpose::STANDARD, Engine};
use ring::digest::{digest, SHA256};
use std::{cell::RefCell, collections::BTreeSet};
use tokio::{sync::Mutex, task};

/// Hash of a random password. It is checked for unknown users, so that the response time does not reveal
/// whether a user exists.
const NOBODY: &str = "$2y$10$NtstllzUv7roAv7cAHiL8.RPYu0vMbo3gA6phZcVD02/4SguNTxMm";

/// Number of verified passwords to remember.
const REMEMBERED: usize = 64;

/// Verified passwords.
#[derive(Debug, Default)]
pub struct Passwords {
    right: RefCell<BTreeSet<Vec<u8>>>,
    checking: Mutex<()>,
}

impl Passwords {
    /// Returns whether the `Authorization` header has the name and password of a user.
    pub async fn allow(&self, users: &Users, authorization: Option<&str>) -> bool {
        let Some((user, password)) = authorization.and_then(credentials) else {
            return false;
        };
        let hash = users.get(&user).map_or(NOBODY, String::as_str).to_owned();
        let is_known = users.contains_key(&user);
        let this = format!("{hash}\n{password}");
        let this = digest(&SHA256, this.as_bytes()).as_ref().to_vec();
        if is_known && self.right.borrow().contains(&this) {
            return true;
        }
        let is_right = {
            let _one_at_a_time = self.checking.lock().await;
            let check = move || bcrypt::verify(password, &hash).unwrap_or(false);
            task::spawn_blocking(check).await.unwrap_or(false)
        };
        if is_known && is_right {
            let mut right = self.right.borrow_mut();
            if right.len() >= REMEMBERED {
                right.clear();
            }
            right.insert(this);
        }
        is_known && is_right
    }
}

/// Returns the name and the password in a header.
fn credentials(authorization: &str) -> Option<(String, String)> {
    let (scheme, encoded) = authorization.split_once(' ')?;
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (user, password) = decoded.split_once(':')?;
    let is_basic = scheme.eq_ignore_ascii_case("basic");
    is_basic.then(|| (user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::runtime;

    #[test]
    fn only_the_right_password_is_allowed_whether_remembered_or_not() {
        let runtime = runtime::Builder::new_current_thread().build().unwrap();
        let users = Users::from([
            ("me".to_owned(), bcrypt::hash("se:cret", 4).unwrap()),
            ("you".to_owned(), bcrypt::hash("other", 4).unwrap()),
        ]);
        let passwords = Passwords::default();
        let allow = |users: &Users, plain: &str| {
            let header = format!("Basic {}", STANDARD.encode(plain));
            runtime.block_on(passwords.allow(users, Some(&header)))
        };
        for _ in 0..2 {
            assert!(allow(&users, "me:se:cret"));
            assert!(allow(&users, "you:other"));
            for wrong in ["me:other", "me:", "you:se:cret", "he:se:cret", "me", ":"] {
                assert!(!allow(&users, wrong), "{wrong}");
            }
        }
        assert_eq!(passwords.right.borrow().len(), 2);
        // A remembered password is no longer valid after it is changed.
        let changed = Users::from([("me".to_owned(), bcrypt::hash("new", 4).unwrap())]);
        assert!(!allow(&changed, "me:se:cret") && allow(&changed, "me:new"));
        for wrong in [
            None,
            Some("Basic"),
            Some("Basic ???"),
            Some("Bearer bWU6c2U6Y3JldA=="),
        ] {
            assert!(
                !runtime.block_on(passwords.allow(&users, wrong)),
                "{wrong:?}"
            );
        }
    }
}

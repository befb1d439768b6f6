// SPDX-License-Identifier: GPL-2.0

//! TLS and passwords, as set in the file of `--web.config.file`.
//!
//! The file is read for each connection, so renewed certificates and changed passwords need no restart.

mod file;
mod passwords;
mod tls;

use crate::error::Error;
use file::File;
use passwords::Passwords;
use rustls::ServerConfig;
use std::{cell::RefCell, path::PathBuf, rc::Rc, sync::Arc};

/// The file, and state kept between connections.
#[derive(Debug)]
pub struct Web {
    path: Option<PathBuf>,
    passwords: Rc<Passwords>,
    /// The last error printed.
    said: RefCell<String>,
}

/// Requirements of the file for a connection.
#[derive(Debug)]
pub struct Demands {
    /// TLS settings, if it must be encrypted.
    pub tls: Option<Arc<ServerConfig>>,
    users: Option<file::Users>,
    passwords: Rc<Passwords>,
}

impl Web {
    /// Reads the file, if there is one.
    ///
    /// # Errors
    ///
    /// The file, or a file named in it, is unusable.
    pub fn open(path: Option<PathBuf>) -> Result<Self, Error> {
        let web = Self {
            path,
            passwords: Rc::default(),
            said: RefCell::default(),
        };
        web.read().map_err(Error::Usage)?;
        Ok(web)
    }

    /// Returns whether the file currently enables TLS.
    pub fn has_tls(&self) -> bool {
        self.read().is_ok_and(|demands| demands.tls.is_some())
    }

    /// Returns the requirements for a new connection. If the file is unusable, prints the error unless it
    /// is the same as before, and returns `None`; the connection must then be closed.
    pub fn demands(&self) -> Option<Demands> {
        match self.read() {
            Ok(demands) => {
                self.said.borrow_mut().clear();
                Some(demands)
            }
            Err(why) => {
                if *self.said.borrow() != why {
                    crate::say!("exitstat: rejecting connections: {why}");
                }
                *self.said.borrow_mut() = why;
                None
            }
        }
    }

    fn read(&self) -> Result<Demands, String> {
        let Some(path) = &self.path else {
            return Ok(self.demands_of(File::default(), None));
        };
        let file = File::read(path)?;
        let tls = file.tls_server_config.as_ref().map(tls::config);
        let tls = tls
            .transpose()
            .map_err(|why| format!("{}: {why}", path.display()))?;
        Ok(self.demands_of(file, tls))
    }

    fn demands_of(&self, file: File, tls: Option<Arc<ServerConfig>>) -> Demands {
        Demands {
            tls,
            users: file.basic_auth_users,
            passwords: Rc::clone(&self.passwords),
        }
    }
}

impl Demands {
    /// Returns whether to answer a request with this `Authorization` header.
    pub async fn allow(&self, authorization: Option<&str>) -> bool {
        match &self.users {
            None => true,
            Some(users) => self.passwords.allow(users, authorization).await,
        }
    }
}

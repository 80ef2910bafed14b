//! Messages about patients print one fixed word, like [`domain::Sensitive`]: a log line or an error
//! that formats one says nothing about anybody.

use std::fmt;

use crate::v1;

macro_rules! hidden {
    ($($message:ident),* $(,)?) => {
        $(impl fmt::Debug for v1::$message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("[patient]")
            }
        })*
    };
}

hidden! { WebhookReceived, ToolQuestion, ToolReply, PatientSearch, Phone, Patient }
hidden! { Balance, Insurance }

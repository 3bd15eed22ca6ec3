//! What is shipped with the program: our own Sigma rules, in force unless policy says otherwise.

pub use cordon_logs::RULES;

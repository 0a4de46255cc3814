//! Tests over all services.

mod fuzz;

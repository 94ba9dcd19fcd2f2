//! The store on a simulated disk: kills, power losses, damage and full disks, at every operation.

mod damage;
mod faults;
mod format;
mod kill;
mod loss;
mod once;
mod power;
mod run;
mod sim;
mod sim_disk;

"""Package, install and remove the plugins for editors."""

"""The web page, apart from its layout: components, event handlers, jobs, sessions, results."""

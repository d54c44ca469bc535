"""What makes a release: the wheel and the source archive, and a trial of both."""

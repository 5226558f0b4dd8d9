"""What is done. Verb files are stages, with one public function each; noun files are the things that they handle."""

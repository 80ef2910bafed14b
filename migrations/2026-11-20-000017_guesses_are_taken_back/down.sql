REVOKE DELETE ON call_guesses FROM switchboard_app;

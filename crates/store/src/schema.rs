// @generated from migrations/ by scripts/generate-schema. Do not edit.

diesel::table! {
    alert_deliveries (id) {
        id -> Uuid,
        tenant_id -> Nullable<Uuid>,
        alert_id -> Uuid,
        news -> Text,
        destination_id -> Nullable<Uuid>,
        state -> Text,
        attempts -> Integer,
        next_at -> Timestamptz,
        lease_until -> Nullable<Timestamptz>,
        reason -> Nullable<Text>,
        created_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    alert_destinations (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        name -> Text,
        url -> Binary,
        secret -> Binary,
        created_by -> Text,
        created_at -> Timestamptz,
        removed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    alerts (id) {
        id -> Uuid,
        tenant_id -> Nullable<Uuid>,
        connection_id -> Nullable<Uuid>,
        code -> Text,
        what_to_do -> Text,
        raised_at -> Timestamptz,
        cleared_at -> Nullable<Timestamptz>,
        happened -> Text,
        cleared_by -> Nullable<Text>,
        told_raised_at -> Nullable<Timestamptz>,
        told_cleared_at -> Nullable<Timestamptz>,
        setup_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        name -> Text,
        hash -> Binary,
        created_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
        scopes -> Nullable<Array<Text>>,
        begins_with -> Nullable<Text>,
        created_by -> Nullable<Text>,
        expires_at -> Nullable<Timestamptz>,
        last_used_at -> Nullable<Timestamptz>,
        revoked_by -> Nullable<Text>,
    }
}

diesel::table! {
    application_budgets (vendor) {
        vendor -> Text,
        most -> Integer,
        tokens -> Double,
        refilled_at -> Timestamptz,
        admitted -> Bool,
        closed_until -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    audit_anchors (tenant_id, sequence) {
        tenant_id -> Uuid,
        sequence -> BigInt,
        hash -> Binary,
        seal -> Binary,
        at -> Timestamptz,
    }
}

diesel::table! {
    audit_heads (tenant_id) {
        tenant_id -> Uuid,
        sequence -> BigInt,
        hash -> Binary,
        seal -> Binary,
    }
}

diesel::table! {
    audit_log (tenant_id, sequence) {
        tenant_id -> Uuid,
        sequence -> BigInt,
        at -> Timestamptz,
        actor -> Text,
        action -> Text,
        patient -> Nullable<Text>,
        call_id -> Nullable<Text>,
        tool -> Nullable<Text>,
        outcome -> Text,
        ms -> Integer,
        detail -> Jsonb,
        hash -> Binary,
    }
}

diesel::table! {
    audit_looks (tenant_id) {
        tenant_id -> Uuid,
        sequence -> BigInt,
        began_at -> Timestamptz,
        seal -> Binary,
    }
}

diesel::table! {
    call_guesses (tenant_id, call_id, guess) {
        tenant_id -> Uuid,
        call_id -> Text,
        guess -> Binary,
        guessed_at -> Timestamptz,
    }
}

diesel::table! {
    call_identities (tenant_id, call_id, patient) {
        tenant_id -> Uuid,
        call_id -> Text,
        patient -> Text,
        proof -> Text,
        proven_at -> Timestamptz,
    }
}

diesel::table! {
    former_members (tenant_id, user_id) {
        tenant_id -> Uuid,
        user_id -> Uuid,
        ended_at -> Timestamptz,
    }
}

diesel::table! {
    inbox (consumer, message_id) {
        consumer -> Text,
        message_id -> Uuid,
        taken_at -> Timestamptz,
    }
}

diesel::table! {
    memberships (tenant_id, user_id) {
        tenant_id -> Uuid,
        user_id -> Uuid,
        role -> Text,
        created_at -> Timestamptz,
        created_by -> Text,
        name -> Text,
        first_used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    outbox (id) {
        id -> BigInt,
        message_id -> Uuid,
        exchange -> Text,
        routing_key -> Text,
        kind -> Text,
        tenant_id -> Nullable<Uuid>,
        hash_key -> Nullable<Text>,
        traceparent -> Nullable<Text>,
        body -> Binary,
        created_at -> Timestamptz,
        claimed_until -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    parked_messages (id) {
        id -> Uuid,
        tenant_id -> Nullable<Uuid>,
        queue -> Text,
        kind -> Text,
        reason -> Text,
        attempts -> Integer,
        hash_key -> Nullable<Text>,
        body -> Binary,
        parked_at -> Timestamptz,
        replayed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    payments_taken (tenant_id, reference) {
        tenant_id -> Uuid,
        reference -> Text,
        minor -> BigInt,
        currency -> Text,
        method -> Nullable<Text>,
        patient -> Nullable<Text>,
        practice_id -> Nullable<Uuid>,
        told_by -> Text,
        told_at -> Timestamptz,
    }
}

diesel::table! {
    pms_appointment_types (connection_id, position) {
        tenant_id -> Uuid,
        connection_id -> Uuid,
        position -> Integer,
        name -> Text,
        minutes -> Integer,
        vendor_id -> Nullable<Text>,
        clinician_kind -> Nullable<Text>,
    }
}

diesel::table! {
    pms_clinician_mappings (connection_id, vendor_id) {
        tenant_id -> Uuid,
        connection_id -> Uuid,
        vendor_id -> Text,
        name -> Text,
        offered -> Bool,
    }
}

diesel::table! {
    pms_connections (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        practice_id -> Uuid,
        vendor -> Text,
        status -> Text,
        config -> Jsonb,
        capabilities -> Nullable<Jsonb>,
        credentials -> Binary,
        token -> Nullable<Binary>,
        refresh_token -> Nullable<Binary>,
        token_expires_at -> Nullable<Timestamptz>,
        refresh_due_at -> Timestamptz,
        refresh_lease_until -> Nullable<Timestamptz>,
        refresh_failures -> Integer,
        last_error -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    pms_install_links (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        vendor -> Text,
        hash -> Binary,
        created_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    pms_replay_items (run_id, position) {
        run_id -> Uuid,
        position -> Integer,
        tenant_id -> Uuid,
        writeback_id -> Uuid,
        outcome -> Nullable<Text>,
        replay_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    pms_replay_runs (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        asked_by -> Text,
        per_minute -> Integer,
        stop_after -> Nullable<Integer>,
        state -> Text,
        next_at -> Timestamptz,
        created_at -> Timestamptz,
        finished_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    pms_request_budgets (connection_id) {
        connection_id -> Uuid,
        tenant_id -> Uuid,
        most -> Integer,
        advertised -> Nullable<Integer>,
        tokens -> Double,
        refilled_at -> Timestamptz,
        admitted -> Bool,
        closed_until -> Nullable<Timestamptz>,
        minute_start -> Timestamptz,
        minute_used -> Integer,
        day_start -> Timestamptz,
        day_used -> Integer,
        day_most -> Nullable<Integer>,
        day_spent_at -> Nullable<Timestamptz>,
        reached_80_at -> Nullable<Timestamptz>,
        reached_93_at -> Nullable<Timestamptz>,
        reached_100_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    pms_setups (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        vendor -> Text,
        office -> Text,
        location -> Text,
        connection_id -> Nullable<Uuid>,
        state -> Text,
        reason -> Nullable<Text>,
        attempts -> Integer,
        due_at -> Timestamptz,
        give_up_at -> Timestamptz,
        lease_until -> Nullable<Timestamptz>,
        told_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        lease_owner -> Nullable<Uuid>,
    }
}

diesel::table! {
    pms_write_habits (connection_id) {
        connection_id -> Uuid,
        tenant_id -> Uuid,
        recent_ms -> Array<Integer>,
        hours_up -> Array<Double>,
        seen_off_at -> Nullable<Timestamptz>,
        night_minute -> Integer,
        up_from_minute -> Nullable<Integer>,
        up_until_minute -> Nullable<Integer>,
    }
}

diesel::table! {
    pms_writeback_attempts (writeback_id, number) {
        writeback_id -> Uuid,
        number -> Integer,
        tenant_id -> Uuid,
        started_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        outcome -> Nullable<Text>,
        detail -> Nullable<Text>,
    }
}

diesel::table! {
    pms_writeback_drops (writeback_id) {
        writeback_id -> Uuid,
        tenant_id -> Uuid,
        reason -> Text,
        dropped_by -> Text,
        dropped_at -> Timestamptz,
        outcome -> Text,
    }
}

diesel::table! {
    pms_writebacks (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        connection_id -> Uuid,
        operation -> Text,
        payload -> Binary,
        fingerprint -> Binary,
        reference -> Text,
        state -> Text,
        reason -> Nullable<Text>,
        receipt -> Nullable<Text>,
        created_vendor_id -> Nullable<Text>,
        depends_on -> Nullable<Uuid>,
        attempts -> Integer,
        check_count -> Integer,
        next_check_at -> Timestamptz,
        deadline_at -> Timestamptz,
        first_sent_at -> Nullable<Timestamptz>,
        lease_until -> Nullable<Timestamptz>,
        lease_owner -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        finished_at -> Nullable<Timestamptz>,
        appointment -> Nullable<Text>,
        replays -> Nullable<Uuid>,
        replayed_by -> Nullable<Text>,
        about_at -> Nullable<Timestamptz>,
        last_sent_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    practices (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        name -> Text,
        time_zone -> Text,
        country -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    rounds (name) {
        name -> Text,
        begun_at -> Timestamptz,
    }
}

diesel::table! {
    sealed_keys (name) {
        name -> Text,
        sealed -> Binary,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    slot_holds (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        connection_id -> Uuid,
        writeback_id -> Uuid,
        kind -> Text,
        vendor_id -> Text,
        starts_at -> Timestamptz,
        ends_at -> Timestamptz,
        seen_at -> Nullable<Timestamptz>,
        released_at -> Nullable<Timestamptz>,
        calendar -> Text,
        booking -> Uuid,
    }
}

diesel::table! {
    staff_tasks (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        connection_id -> Nullable<Uuid>,
        writeback_id -> Nullable<Uuid>,
        code -> Text,
        sentence -> Text,
        next_action -> Text,
        due_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        done_at -> Nullable<Timestamptz>,
        done_by -> Nullable<Text>,
        call_id -> Nullable<Text>,
        tool_call_id -> Nullable<Text>,
        wanted -> Nullable<Binary>,
    }
}

diesel::table! {
    tenants (id) {
        id -> Uuid,
        slug -> Text,
        name -> Text,
        language -> Text,
        created_at -> Timestamptz,
        identity_rules -> Jsonb,
    }
}

diesel::table! {
    tool_calls (tenant_id, call_id, tool_call_id) {
        tenant_id -> Uuid,
        call_id -> Text,
        tool_call_id -> Text,
        tool -> Text,
        arguments_hash -> Binary,
        status -> Nullable<Text>,
        code -> Nullable<Text>,
        answer -> Nullable<Binary>,
        ms -> Nullable<Integer>,
        lease_until -> Timestamptz,
        started_at -> Timestamptz,
        finished_at -> Nullable<Timestamptz>,
        runner -> Nullable<Uuid>,
    }
}

diesel::table! {
    users (id) {
        id -> Uuid,
        issuer -> Text,
        subject -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    voice_calls (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        vendor_call_id -> Text,
        status -> Text,
        ended_reason -> Nullable<Text>,
        report -> Nullable<Binary>,
        first_seen_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    voice_phone_numbers (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        practice_id -> Uuid,
        number -> Text,
        vendor_number_id -> Nullable<Text>,
        assistant_id -> Nullable<Text>,
        integration_method -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    webhook_acceptances (gateway) {
        gateway -> Uuid,
        source -> Text,
        accepted -> BigInt,
        since -> Timestamptz,
        told_at -> Timestamptz,
    }
}

diesel::table! {
    webhook_events (id) {
        id -> Uuid,
        tenant_id -> Nullable<Uuid>,
        source -> Text,
        kind -> Text,
        dedupe_key -> Text,
        deliveries -> Integer,
        state -> Text,
        reason -> Nullable<Text>,
        body -> Nullable<Binary>,
        received_at -> Timestamptz,
        handled_at -> Nullable<Timestamptz>,
    }
}

diesel::joinable!(alert_deliveries -> tenants (tenant_id));
diesel::joinable!(alert_destinations -> tenants (tenant_id));
diesel::joinable!(alerts -> tenants (tenant_id));
diesel::joinable!(api_keys -> tenants (tenant_id));
diesel::joinable!(audit_anchors -> tenants (tenant_id));
diesel::joinable!(audit_heads -> tenants (tenant_id));
diesel::joinable!(audit_log -> tenants (tenant_id));
diesel::joinable!(audit_looks -> tenants (tenant_id));
diesel::joinable!(call_guesses -> tenants (tenant_id));
diesel::joinable!(call_identities -> tenants (tenant_id));
diesel::joinable!(former_members -> tenants (tenant_id));
diesel::joinable!(former_members -> users (user_id));
diesel::joinable!(memberships -> tenants (tenant_id));
diesel::joinable!(memberships -> users (user_id));
diesel::joinable!(payments_taken -> tenants (tenant_id));
diesel::joinable!(pms_appointment_types -> tenants (tenant_id));
diesel::joinable!(pms_clinician_mappings -> tenants (tenant_id));
diesel::joinable!(pms_connections -> tenants (tenant_id));
diesel::joinable!(pms_install_links -> tenants (tenant_id));
diesel::joinable!(pms_replay_items -> tenants (tenant_id));
diesel::joinable!(pms_replay_runs -> tenants (tenant_id));
diesel::joinable!(pms_request_budgets -> tenants (tenant_id));
diesel::joinable!(pms_setups -> tenants (tenant_id));
diesel::joinable!(pms_write_habits -> tenants (tenant_id));
diesel::joinable!(pms_writeback_attempts -> tenants (tenant_id));
diesel::joinable!(pms_writeback_drops -> tenants (tenant_id));
diesel::joinable!(pms_writebacks -> tenants (tenant_id));
diesel::joinable!(practices -> tenants (tenant_id));
diesel::joinable!(slot_holds -> tenants (tenant_id));
diesel::joinable!(staff_tasks -> tenants (tenant_id));
diesel::joinable!(tool_calls -> tenants (tenant_id));
diesel::joinable!(voice_calls -> tenants (tenant_id));
diesel::joinable!(voice_phone_numbers -> tenants (tenant_id));
diesel::joinable!(webhook_events -> tenants (tenant_id));

diesel::allow_tables_to_appear_in_same_query!(
    alert_deliveries,
    alert_destinations,
    alerts,
    api_keys,
    application_budgets,
    audit_anchors,
    audit_heads,
    audit_log,
    audit_looks,
    call_guesses,
    call_identities,
    former_members,
    inbox,
    memberships,
    outbox,
    parked_messages,
    payments_taken,
    pms_appointment_types,
    pms_clinician_mappings,
    pms_connections,
    pms_install_links,
    pms_replay_items,
    pms_replay_runs,
    pms_request_budgets,
    pms_setups,
    pms_write_habits,
    pms_writeback_attempts,
    pms_writeback_drops,
    pms_writebacks,
    practices,
    rounds,
    sealed_keys,
    slot_holds,
    staff_tasks,
    tenants,
    tool_calls,
    users,
    voice_calls,
    voice_phone_numbers,
    webhook_acceptances,
    webhook_events,
);

-- What `parallax schema` has done to mapped tables, and which rows were touched while a table is made anew.
-- MongoDB has no schema; a collection's table follows its map, and each version of it is told here.
CREATE TABLE IF NOT EXISTS parallax.schema_versions (
    version bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now(),
    applied_by text NOT NULL DEFAULT session_user,
    database text NOT NULL,
    moved text,
    what text NOT NULL,
    statements text NOT NULL,
    maps text NOT NULL
);

COMMENT ON COLUMN parallax.schema_versions.moved IS 'the collection whose documents went to another table';
COMMENT ON COLUMN parallax.schema_versions.maps IS 'SHA-256 of the maps that the tables then followed';

-- Places in the order of insertion, by the table whose rows were written there: a row keeps its place for life.
CREATE TABLE IF NOT EXISTS parallax.touched (
    relation oid NOT NULL,
    at bigint GENERATED ALWAYS AS IDENTITY,
    ordinal bigint NOT NULL,
    PRIMARY KEY (relation, at)
);

-- Notes each row that is written. Its argument is the name of the column with the place.
CREATE OR REPLACE FUNCTION parallax.note_touched() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    read_ordinal constant text := format('SELECT ($1).%I', TG_ARGV[0]);
    before_ordinal bigint;
    after_ordinal bigint;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        EXECUTE read_ordinal INTO before_ordinal USING OLD;
        INSERT INTO parallax.touched (relation, ordinal) VALUES (TG_RELID, before_ordinal);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        EXECUTE read_ordinal INTO after_ordinal USING NEW;
        IF after_ordinal IS DISTINCT FROM before_ordinal THEN
            INSERT INTO parallax.touched (relation, ordinal) VALUES (TG_RELID, after_ordinal);
        END IF;
    END IF;
    RETURN NULL;
END
$$;

-- Notes the row whose element is written, for a child table. Its arguments are the names of the table of documents, of the
-- columns with the place and with the key there, and of the column with that key here.
CREATE OR REPLACE FUNCTION parallax.note_touched_parent() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    parent constant text := format('%I.%I', TG_TABLE_SCHEMA, TG_ARGV[0]);
    note constant text := format(
        'INSERT INTO parallax.touched (relation, ordinal) SELECT %L::regclass::oid, %I FROM %s WHERE %I = ($1).%I',
        parent, TG_ARGV[1], parent, TG_ARGV[2], TG_ARGV[3]
    );
BEGIN
    IF TG_OP <> 'INSERT' THEN
        EXECUTE note USING OLD;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        EXECUTE note USING NEW;
    END IF;
    RETURN NULL;
END
$$;

-- Gives a new table what others have given to the one that it replaces: privileges on it and on columns of the same name,
-- and the owner. What default privileges have given to the new one alone, it loses. Comments are the map's.
CREATE OR REPLACE FUNCTION parallax.take_over(old regclass, new regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    given record;
    before constant pg_class := (SELECT pg_class FROM pg_class WHERE oid = old);
    after constant pg_class := (SELECT pg_class FROM pg_class WHERE oid = new);
BEGIN
    FOR given IN
        SELECT DISTINCT grantee FROM aclexplode(after.relacl) WHERE grantee <> after.relowner
    LOOP
        EXECUTE format(
            'REVOKE ALL ON TABLE %s FROM %s', new,
            CASE given.grantee WHEN 0 THEN 'PUBLIC' ELSE given.grantee::regrole::text END
        );
    END LOOP;
    FOR given IN
        SELECT privilege_type, grantee, is_grantable, '' AS columns
        FROM aclexplode(before.relacl) WHERE grantee <> before.relowner
        UNION ALL
        SELECT privilege_type, grantee, is_grantable, format(' (%I)', attname)
        FROM pg_attribute AS was
        JOIN pg_attribute AS is_now USING (attname),
        aclexplode(was.attacl)
        WHERE was.attrelid = old AND is_now.attrelid = new AND NOT was.attisdropped AND NOT is_now.attisdropped
    LOOP
        EXECUTE format(
            'GRANT %s%s ON TABLE %s TO %s%s', given.privilege_type, given.columns, new,
            CASE given.grantee WHEN 0 THEN 'PUBLIC' ELSE given.grantee::regrole::text END,
            CASE WHEN given.is_grantable THEN ' WITH GRANT OPTION' END
        );
    END LOOP;
    IF before.relowner <> after.relowner THEN
        -- Whoever owns a table must be able to make one in its schema.
        EXECUTE format(
            'GRANT CREATE, USAGE ON SCHEMA %s TO %s', after.relnamespace::regnamespace, before.relowner::regrole
        );
        EXECUTE format('ALTER TABLE %s OWNER TO %s', new, before.relowner::regrole);
    END IF;
END
$$;

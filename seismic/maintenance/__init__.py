"""Operations on whole collections."""

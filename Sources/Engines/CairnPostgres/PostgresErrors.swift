internal import CPostgres
